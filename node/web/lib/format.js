// Formats of numbers, hashes, times and amounts for people. Pure.

/** The end of a hash: its beginning is zeros. */
export const short = (hash) => (hash ? `…${hash.slice(-8)}` : "?");

/** "1 block", "2 blocks". */
export const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

/** A span of time. */
export function span(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "?";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  return days(ms);
}

/** How times up to a limit are written along an axis: all of them in one unit. */
export function timeScale(most) {
  if (most < 2000) return (ms) => `${Math.round(ms)} ms`;
  if (most < 120_000) return (ms) => `${Number((ms / 1000).toPrecision(2))} s`;
  return clock;
}

/** A moment since the start, as 1:02:03 or 2:03. */
export function clock(ms) {
  const sign = ms < 0 ? "−" : "";
  const all = Math.floor(Math.abs(ms) / 1000);
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${sign}${hours}:${two(minutes)}:${two(seconds)}` : `${sign}${minutes}:${two(seconds)}`;
}

/** A moment to a tenth of a second, which a whole second goes without. */
export function tenths(ms) {
  const tenth = Math.floor((Math.abs(ms) % 1000) / 100);
  return tenth ? `${clock(ms)}.${tenth}` : clock(ms);
}

const DAY = 86_400_000;

/** A moment that may be days after the start: 10 days instead of 240:00:00. */
export function days(ms) {
  const whole = Math.floor(ms / DAY);
  if (whole < 1) return clock(ms);
  const rest = ms - whole * DAY;
  return rest < 1000 ? count(whole, "day") : `${count(whole, "day")} ${clock(rest)}`;
}

/** A date and time with milliseconds, in the reader's own zone. */
export function date(ms) {
  const at = new Date(Number(ms));
  if (Number.isNaN(at.getTime())) return "?";
  return `${at.toLocaleDateString("en-GB")} ${at.toLocaleTimeString("en-GB")}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** A 256-bit number in hex, as a BigInt. */
export function number(hex) {
  return /^[0-9a-f]+$/i.test(hex ?? "") ? BigInt(`0x${hex}`) : 0n;
}

/** Hashes, grouped by thousands; large ones with a letter. */
export function hashes(value) {
  const text = value.toString();
  if (text.length <= 9) return Number(text).toLocaleString("en");
  const letters = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
  const place = Math.min(letters.length, Math.floor((text.length - 1) / 3));
  const whole = text.length - place * 3;
  return `${text.slice(0, whole)}.${text.slice(whole, whole + 2)} ${letters[place - 1]}`;
}

/** Work: how many hashes it takes. */
export const work = (value) => `${hashes(value)} ${value === 1n ? "hash" : "hashes"}`;

/** An amount of coins without idle zeros. Digits that came as text are never made a float. */
export function coins(value) {
  if (value === null || value === undefined) return "?";
  const text = typeof value === "string" ? value : value.toFixed(8);
  const [whole, part = ""] = text.split(".");
  const kept = part.replace(/0+$/, "");
  const grouped = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return kept ? `${grouped}.${kept}` : grouped;
}

/** Per cent of a part. */
export const percent = (part, whole) => (whole ? `${Math.round((part / whole) * 100)} %` : "–");

/** The value below which this part of sorted values lies. */
export function quantile(sorted, part) {
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))];
}

/** Text of others without characters that would turn the line around or break it, and not too long. */
export function foreign(text, most = 80) {
  const all = String(text);
  const clean = all.slice(0, most).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return all.length > most ? `${clean}…` : clean;
}

/** The miner of a block. A tag is text of others: it is shown, but never taken for a node's name. */
export function miner(block) {
  if (block.miner !== null && block.miner !== undefined) return `node ${block.miner}`;
  return block.tag ? `an unknown miner (“${foreign(block.tag)}”)` : "an unknown miner";
}
