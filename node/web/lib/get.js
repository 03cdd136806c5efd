// Requests to the server with a timeout. A browser opens six connections to one server, for all windows together:
// none is kept open.

/** The server's reply, read as JSON. Throws an error whose message is a sentence. */
export async function get(path, patience) {
  let answer;
  try {
    const headers = { accept: "application/json" };
    answer = await fetch(path, { headers, signal: AbortSignal.timeout(patience) });
    if (answer.ok) return await answer.json();
  } catch (error) {
    if (error.name === "TimeoutError") throw new Error(`The server has not answered for ${patience / 1000} s.`);
    throw new Error(error.name === "SyntaxError" ? "The server's answer cannot be read." : "The server does not answer.");
  }
  throw new Error(`The server answers ${answer.status}.`);
}
