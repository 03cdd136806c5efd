// Calls to a node's read-only RPC, with Bitcoin Core's names.

/** A node's error: its message and code. */
export class RpcError extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }

  /** Whether there was no reply at all. */
  get isSilence() {
    return this.code === null;
  }
}

/** The arguments cannot be valid: no node is called. */
export class InvalidRequest extends Error {}

/** Numbers that a float cannot hold keep the digits they came with: amounts, nonces. */
function exact(_, value, context) {
  const source = typeof value === "number" ? context?.source : undefined;
  if (source === undefined) return value;
  return source.includes(".") || !Number.isSafeInteger(value) ? source : value;
}

/** Timeout of a call, in milliseconds: each keeps one of the browser's six connections. */
const PATIENCE = 6000;

export async function call(node, method, params = []) {
  const address = `v1/ask/${node}/${method}?params=${encodeURIComponent(JSON.stringify(params))}`;
  let answer;
  let text;
  try {
    answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) });
    text = await answer.text();
  } catch (error) {
    const isLate = error.name === "TimeoutError";
    throw new RpcError(`The server ${isLate ? "has not answered for 6 s" : "does not answer"}.`, null);
  }
  let reply;
  try {
    reply = JSON.parse(text, exact);
  } catch {
    throw new RpcError(`The server's answer cannot be read (${answer.status}).`, null);
  }
  // The body says whether it is an error, whatever the status: a result has no `error` with a code.
  if (!answer.ok || reply?.error?.code !== undefined)
    throw new RpcError(
      reply?.error?.message ?? reply?.error ?? `The server answers ${answer.status}.`,
      reply?.error?.code ?? null,
    );
  return reply;
}
