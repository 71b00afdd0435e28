// Which server the page talks to, and the way to a second window on another one.
import type { ListedServer } from "../web.js";
import { el, find } from "./dom.js";

interface Servers {
  chosen(): ListedServer;
}

/** Offers a choice where there is one; `?server=ID` in the page's address makes it beforehand. */
export const findServers = async (): Promise<Servers> => {
  const answer = await fetch("/servers.json");
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  const list: ListedServer[] = await answer.json();
  const [first] = list;
  if (first === undefined) throw new Error("it is empty");

  const choice = find("login-server", HTMLSelectElement);
  const chosen = (): ListedServer => list.find(({ id }) => id === choice.value) ?? first;
  choice.replaceChildren(
    ...list.map(({ id, name, runtime }) => {
      const option = el("option", "", `${name} on ${runtime}`);
      option.value = id;
      return option;
    }),
  );
  const wanted = new URL(location.href).searchParams.get("server");
  choice.value = list.find(({ id }) => id === wanted)?.id ?? first.id;

  const links = document.querySelectorAll<HTMLAnchorElement>("a.compare");
  const pointAtNext = (): void => {
    const next = list[(list.indexOf(chosen()) + 1) % list.length] ?? first;
    for (const link of links) {
      link.href = `/?server=${encodeURIComponent(next.id)}`;
      link.title = `A second window, on ${next.name} on ${next.runtime}`;
      link.hidden = list.length < 2;
    }
  };
  pointAtNext();
  choice.onchange = pointAtNext;
  find("login-servers", HTMLElement).hidden = list.length < 2;
  return { chosen };
};

/** Half of the screen for each, where the browser lets a page open windows; otherwise a tab, as the link says. */
const openBeside = (event: MouseEvent): void => {
  const link = event.currentTarget;
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const width = Math.floor(screen.availWidth / 2);
  const opened = open(link.href, "_blank", `popup,width=${width},height=${screen.availHeight},left=${width},top=0`);
  if (opened !== null) event.preventDefault();
};

for (const link of document.querySelectorAll<HTMLAnchorElement>("a.compare"))
  link.addEventListener("click", openBeside);
