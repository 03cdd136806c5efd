// Addresses within the page: `#/block/HASH` and the like.

/** A fragment as its path's parts and its query. */
export function parse(fragment) {
  const [path, query = ""] = fragment.replace(/^#\/?/, "").split("?");
  const parts = path
    .split("/")
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
  return { room: parts[0] ?? "", parts: parts.slice(1), query: new URLSearchParams(query) };
}

/** Shows the room that the address names, now and whenever it changes; `before` may change the address. */
export function route(show, before) {
  const go = () => {
    before();
    show(parse(location.hash));
  };
  addEventListener("hashchange", go);
  go();
}
