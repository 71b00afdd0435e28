/** The element with this id, of this class. */
export const find = <T extends Element>(id: string, type: abstract new () => T): T => {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
};

/** Strings become text, never markup. */
export const el = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] => {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.append(...children);
  return element;
};

export type IconName = "reply" | "check" | "clock" | "alert" | "poll";

const SVG = "http://www.w3.org/2000/svg";

export const icon = (name: IconName): SVGSVGElement => {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
};

// A colour for each name, the same on every page.
const hueOf = (name: string): number => {
  let hash = 5381;
  for (const character of name) hash = (hash * 33 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % 360;
};

const initialsOf = (name: string): string => {
  const [first = "", second = ""] = name.split(/\s+/u);
  const [a = "?"] = first;
  const [b = ""] = second;
  return (a + b).toLocaleUpperCase();
};

export const tint = <T extends HTMLElement>(element: T, name: string): T => {
  element.style.setProperty("--hue", String(hueOf(name)));
  return element;
};

export const avatar = (name: string): HTMLElement => {
  const element = tint(el("span", "avatar", initialsOf(name)), name);
  element.setAttribute("aria-hidden", "true");
  return element;
};

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export const timeElement = (at: number): HTMLTimeElement => {
  const time = el("time", "", clock.format(at));
  time.dateTime = new Date(at).toISOString();
  return time;
};
