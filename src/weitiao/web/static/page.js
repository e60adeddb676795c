// Requests, elements and texts that all pages share. User data goes into textContent only.
export const byId = (id) => document.getElementById(id);

export function element(name, values = {}, ...children) {
  const one = document.createElement(name);
  for (const [key, value] of Object.entries(values)) {
    if (key === "class") one.className = value;
    else if (key === "click") one.addEventListener("click", value);
    else if (value === true) one.setAttribute(key, "");
    else if (value !== false && value != null) one.setAttribute(key, value);
  }
  one.append(...children.filter((child) => child != null));
  return one;
}

export const filled = (text, values) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));

export class Refused extends Error {
  constructor(text, status) { super(text); this.status = status; }
}

export async function get(path) {
  return read(await fetch(path, { headers: { "X-Weitiao": "1" } }));
}

export async function post(path, values) {
  const headers = { "Content-Type": "application/json", "X-Weitiao": "1" };
  return read(await fetch(path, { method: "POST", headers, body: JSON.stringify(values) }));
}

async function read(response) {
  let values = null;
  try { values = await response.json(); } catch { values = {}; }
  if (!response.ok) throw new Refused(values.error || String(response.status), response.status);
  return values;
}


// What the label meter says of the labels saved.
export function savedText(texts, read) {
  if (read.saved === null) return texts.meter_untold;
  const labels = read.random_sizes.at(-1);
  if (read.low === null) return filled(texts.meter_worse, { labels });
  const [saved, low, high] = [read.saved, read.low, read.high].map((one) => Math.round(100 * one));
  return filled(texts.meter_saved, { labels, saved, low, high });
}
