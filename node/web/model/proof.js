// Proofs that a block holds a transaction, read byte by byte and checked here without trust in the node.
// What each byte means is in the protocol's specification, sections 1 to 8.

const text = new TextEncoder();

/** Bytes of a hex text. */
export function fromHex(hex) {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = parseInt(hex.slice(at * 2, at * 2 + 2), 16);
  return bytes;
}

export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** As people see hashes: from the last byte to the first. */
export const reversed = (bytes) => toHex(Uint8Array.from(bytes).reverse());

export function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** SHA-256, the browser's own; only pages of this machine or over HTTPS have it. */
export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", join(...parts)));
}

/** SHA-256 under a tag, as in BIP 340. */
export async function tagged(tag, ...parts) {
  const name = await sha256(text.encode(tag));
  return sha256(name, name, ...parts);
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(many) {
    if (many > this.bytes.length - this.at) throw new Error("the proof ends too early");
    this.at += many;
    return this.bytes.subarray(this.at - many, this.at);
  }

  u32() {
    const bytes = this.take(4);
    return (bytes[0] | (bytes[1] << 8) | (bytes[2] << 16) | (bytes[3] << 24)) >>> 0;
  }

  /** A count of items of at least `least` bytes each. */
  count(least) {
    const low = this.u32();
    const high = this.u32();
    if (high || low * least > this.bytes.length - this.at) throw new Error("the proof counts more than it holds");
    return low;
  }

  list(least, read) {
    return Array.from({ length: this.count(least) }, read);
  }
}

const CHOICE = ["coinbase", "transaction"];

function readTransaction(reader) {
  const begin = reader.at;
  reader.list(36, () => reader.take(36));
  reader.list(44, () => readOutput(reader));
  const lock = reader.u32();
  if (lock > 2) throw new Error("there is no such lock time");
  reader.take([0, 4, 8][lock]);
  const body = reader.bytes.subarray(begin, reader.at);
  reader.list(64, () => reader.take(64));
  return { body, all: reader.bytes.subarray(begin, reader.at) };
}

function readOutput(reader) {
  reader.take(8);
  if (reader.u32() !== 0) throw new Error("there is no such lock");
  reader.take(32);
}

function readCoinbase(reader) {
  const begin = reader.at;
  reader.u32();
  reader.list(44, () => readOutput(reader));
  reader.take(reader.count(1));
  const all = reader.bytes.subarray(begin, reader.at);
  return { body: all, all };
}

/** Reads a proof. Each part says also where it begins, so that a byte of it can be changed. */
export function read(bytes) {
  const reader = new Reader(bytes);
  const header = reader.take(88);
  const leaves = reader.list(12, () => {
    const kind = CHOICE[reader.u32()];
    if (!kind) throw new Error("there is no such kind of leaf");
    const begin = reader.at;
    const { body, all } = kind === "coinbase" ? readCoinbase(reader) : readTransaction(reader);
    const index = reader.u32();
    const count = reader.u32();
    const pathAt = reader.at + 8;
    const path = reader.list(32, () => reader.take(32));
    return { kind, body, all, index, count, path, begin, pathAt };
  });
  if (reader.at !== bytes.length) throw new Error("bytes are left over");
  return { header, leaves };
}

/** The number that target bits mean, or none. */
export function targetOf(bits) {
  const [exponent, mantissa] = [bits >>> 24, bits & 0x7fffff];
  if (bits & 0x800000) return null;
  const shift = BigInt(8 * (exponent - 3));
  const target = shift >= 0n ? BigInt(mantissa) << shift : BigInt(mantissa) >> -shift;
  return target > 0n && target < 1n << 256n ? target : null;
}

/** The levels of the way up: which side the sibling stands on, or that there is none (RFC 9162, 2.1.3.2). */
export function climb(index, count, siblings) {
  const steps = [];
  let [at, last, next] = [index, count - 1, 0];
  while (last > 0) {
    if (!(at & 1) && at === last) steps.push({ side: "none" });
    else if (next >= siblings.length) return null;
    else steps.push({ side: at & 1 ? "left" : "right", sibling: siblings[next++] });
    at >>>= 1;
    last >>>= 1;
  }
  return next === siblings.length && index < count ? steps : null;
}

/** Checks a proof. Returns every step with its values and whether it holds. Genesis is computed and not mined. */
export async function check(bytes, txid, blockHash, isGenesis = false) {
  const { header, leaves } = read(bytes);
  const leaf = leaves[0];
  if (!leaf) throw new Error("the proof holds no transaction");
  const checks = [];
  const add = (name, what, found, expected) => checks.push({ name, what, found, expected, ok: found === expected });

  const id = await tagged(`cairn/${leaf.kind}`, leaf.body);
  add("Transaction", "Its bytes hash to the txid.", reversed(id), txid);
  const data = await tagged("cairn/leaf", id, leaf.all);
  let node = await sha256([0], data);
  const first = node;
  const steps = climb(leaf.index, leaf.count, leaf.path);
  const levels = [];
  for (const step of steps ?? []) {
    if (step.side === "left") node = await sha256([1], step.sibling, node);
    if (step.side === "right") node = await sha256([1], node, step.sibling);
    levels.push({ side: step.side, sibling: step.sibling ? reversed(step.sibling) : null, result: reversed(node) });
  }
  const root = header.subarray(36, 68);
  const hashes = `${leaf.path.length} ${leaf.path.length === 1 ? "hash" : "hashes"}`;
  checks.push({
    name: "Path",
    what: `The path has a hash for every level above leaf ${leaf.index + 1} of ${leaf.count} where there is a sibling.`,
    found: hashes,
    expected: steps ? hashes : "another number",
    ok: Boolean(steps),
  });
  add("Root", "The path ends at the Merkle root in the header.", reversed(node), reversed(root));
  const hash = await sha256(await sha256(header));
  add("Header", "The header hashes to the block's hash.", reversed(hash), blockHash);
  const bits = new DataView(header.buffer, header.byteOffset + 76, 4).getUint32(0, true);
  const target = targetOf(bits);
  const work = BigInt(`0x${reversed(hash)}`);
  checks.push({
    name: "Work",
    what: isGenesis
      ? "Genesis needs none: every node computes it."
      : "The hash is not above the target that the header's bits name.",
    found: reversed(hash),
    expected: isGenesis ? "any" : target === null ? "a target" : `≤ ${target.toString(16).padStart(64, "0")}`,
    ok: isGenesis || (target !== null && work <= target),
  });
  return {
    checks,
    levels,
    leaf: reversed(first),
    root: reversed(root),
    index: leaf.index,
    count: leaf.count,
    ok: checks.every((one) => one.ok),
  };
}

/** Places of a proof that can be falsified, and the byte of each that is changed. */
export function places(bytes) {
  const { leaves } = read(bytes);
  const found = [{ name: "the transaction", at: leaves[0].begin + 20 }];
  if (leaves[0].path.length) found.push({ name: "a hash of the path", at: leaves[0].pathAt + 5 });
  found.push(
    { name: "the header's Merkle root", at: 40 },
    { name: "the header's time", at: 68 },
    { name: "the nonce", at: 80 },
  );
  return found;
}
