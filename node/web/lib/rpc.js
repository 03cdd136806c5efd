// Questions to a node, with Bitcoin Core's names. Read-only.

/** What a node answered when it did not answer well: its words and its code. */
export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }

  /** Whether nobody answered at all, so that nothing is known. */
  get isSilence() {
    return this.code === null;
  }
}

/** What was asked cannot be meant: no node need be troubled. */
export class Unmeant extends Error {}

/** Numbers that a float cannot hold keep the digits they came with: amounts, nonces. */
function exact(_, value, context) {
  const source = typeof value === "number" ? context?.source : undefined;
  if (source === undefined) return value;
  return source.includes(".") || !Number.isSafeInteger(value) ? source : value;
}

/** An answer that takes longer is not waited for: it keeps one of the browser's six connections. */
const PATIENCE = 6000;

export async function ask(node, method, params = []) {
  const address = `v1/ask/${node}/${method}?params=${encodeURIComponent(JSON.stringify(params))}`;
  let answer;
  let text;
  try {
    answer = await fetch(address, { signal: AbortSignal.timeout(PATIENCE) });
    text = await answer.text();
  } catch (error) {
    const isLate = error.name === "TimeoutError";
    throw new Refused(`The server ${isLate ? "has not answered for 6 s" : "does not answer"}.`, null);
  }
  let told;
  try {
    told = JSON.parse(text, exact);
  } catch {
    throw new Refused(`The server's answer cannot be read (${answer.status}).`, null);
  }
  // A refusal is told by its body, whatever the status: an answer has no `error` with a code.
  if (!answer.ok || told?.error?.code !== undefined)
    throw new Refused(
      told?.error?.message ?? told?.error ?? `The server answers ${answer.status}.`,
      told?.error?.code ?? null,
    );
  return told;
}
