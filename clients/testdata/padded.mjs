// Fills every question with spaces, as docs/shaping.md shows it.
const padded = (text) => {
  const size = Buffer.byteLength(text), to = [4096, 16384, 65536, 262144].find((b) => b >= size) ?? Math.ceil(size / 2 ** 20) * 2 ** 20;
  return text + " ".repeat(to - size);
};
export const padding = (url, o) => fetch(url, o?.body ? { ...o, body: padded(o.body) } : o);
