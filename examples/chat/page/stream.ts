import type { Message, PictureInfo, Question, Tally } from "../events.js";
import { sentAt } from "../events.js";
import { avatar, el, find, icon, timeElement, tint } from "./dom.js";

const SAME_GROUP_MS = 3 * 60_000;
const NEAR_END_PX = 120;

/** What is known of a message before the server has given it an id. */
export interface Draft {
  author: string;
  own: boolean;
  text: string;
  quotes: bigint | undefined;
  picture: { info: PictureInfo; bytes: Uint8Array } | undefined;
}

/** A message on the page. */
export interface Bubble {
  readonly draft: Draft;
  readonly item: HTMLLIElement;
  readonly meta: HTMLElement;
}

/** What the page can do with a question that the server asked. */
export interface QuestionHandlers {
  /** @returns whether the answer was sent */
  answer(option: number | undefined): boolean;
}

interface PollCard {
  readonly item: HTMLLIElement;
  readonly body: HTMLElement;
  readonly state: HTMLElement;
  chosen: number | undefined;
  tally: Tally | undefined;
  answering: boolean;
}

/** The messages of the room that is shown. */
export class Stream {
  readonly #list = find("stream", HTMLOListElement);
  readonly #empty = find("empty", HTMLElement);
  readonly #toNewest = find("to-newest", HTMLButtonElement);
  readonly #bubbles = new Map<bigint, Bubble>();
  readonly #polls = new Map<bigint, PollCard>();
  readonly #onQuote: (id: bigint, draft: Draft) => void;
  #last: { author: string; at: number } | undefined;
  /** Whether the newest is in view, and stays there. */
  #follows = true;
  readonly #sizes = new ResizeObserver(() => {
    if (this.#follows) this.#scrollToEnd();
  });

  constructor(onQuote: (id: bigint, draft: Draft) => void) {
    this.#onQuote = onQuote;
    // Scrolls with the keyboard too.
    this.#list.tabIndex = 0;
    this.#toNewest.addEventListener("click", () => this.#scrollToEnd());
    this.#list.addEventListener("scroll", () => {
      this.#follows = this.#isAtEnd;
      if (this.#follows) this.#toNewest.hidden = true;
    });
    this.clear();
  }

  clear(): void {
    this.#sizes.disconnect();
    this.#sizes.observe(this.#list);
    this.#follows = true;
    this.#list.replaceChildren();
    this.#bubbles.clear();
    this.#polls.clear();
    this.#last = undefined;
    this.#toNewest.hidden = true;
    this.#empty.hidden = false;
  }

  has(id: bigint): boolean {
    return this.#bubbles.has(id);
  }

  // ---- Messages

  /** A message that came from the server. */
  addMessage({ id, author, text, quotes, picture }: Message, own: boolean, bytes?: Uint8Array): void {
    if (this.has(id)) return;
    const shown = picture === undefined || bytes === undefined ? undefined : { info: picture, bytes };
    const bubble = this.#addBubble({ author: author.name, own, text, quotes, picture: shown }, sentAt(id));
    this.#identify(bubble, id);
    bubble.meta.replaceChildren(timeElement(sentAt(id)));
  }

  /** A message of our own, shown before the server has it. */
  addDraft(draft: Draft): Bubble {
    const bubble = this.#addBubble(draft, Date.now());
    bubble.item.dataset.state = "sending";
    bubble.meta.replaceChildren("Sending ", icon("clock"));
    return bubble;
  }

  /** The server has it. */
  confirm(bubble: Bubble, { id }: Message): void {
    bubble.item.dataset.state = "sent";
    const delivered = icon("check");
    delivered.removeAttribute("aria-hidden");
    delivered.setAttribute("role", "img");
    delivered.setAttribute("aria-label", "Delivered");
    bubble.meta.replaceChildren(timeElement(sentAt(id)), delivered);
    this.#identify(bubble, id);
  }

  fail(bubble: Bubble, reason: string): void {
    bubble.item.dataset.state = "failed";
    bubble.meta.replaceChildren(icon("alert"), reason);
  }

  addNotice(text: string): void {
    this.#last = undefined;
    this.#append(el("li", "notice", el("span", "", text)), false);
  }

  #addBubble(draft: Draft, at: number): Bubble {
    const { author, own, text, quotes, picture } = draft;
    const follows = this.#last?.author === author && at - this.#last.at < SAME_GROUP_MS;
    this.#last = { author, at };
    const meta = el("p", "meta");
    const box = el("div", picture === undefined ? "bubble" : "bubble pictured");
    if (!own && !follows) box.append(tint(el("p", "author", author), author));
    else box.append(el("p", "visually-hidden", own ? "You" : author));
    if (quotes !== undefined) box.append(this.#quote(quotes));
    if (picture !== undefined) box.append(pictureElement(author, picture));
    if (text !== "") box.append(el("p", "text", text));
    box.append(meta);
    const item = el("li", `message${own ? " own" : ""}${follows ? " follows" : ""}`);
    if (!own) item.append(follows ? el("span", "avatar-space") : avatar(author));
    item.append(box);
    this.#append(item, own);
    return { draft, item, meta };
  }

  /** From now on it can be quoted. */
  #identify(bubble: Bubble, id: bigint): void {
    this.#bubbles.set(id, bubble);
    const button = el("button", "quote-button", icon("reply"));
    button.type = "button";
    button.title = "Quote";
    button.setAttribute("aria-label", `Quote ${bubble.draft.own ? "yourself" : bubble.draft.author}`);
    button.addEventListener("click", () => this.#onQuote(id, bubble.draft));
    bubble.item.append(button);
  }

  #quote(id: bigint): HTMLElement {
    const quoted = this.#bubbles.get(id);
    if (quoted === undefined) return el("blockquote", "quote", "An earlier message");
    const { author, own } = quoted.draft;
    const quote = el("blockquote", "quote", el("strong", "", own ? "You" : author), excerpt(quoted.draft));
    return tint(quote, author);
  }

  // ---- Questions

  /** The server asks us. */
  addQuestion(question: Question, { answer }: QuestionHandlers): void {
    const card = this.#pollCard(question.id, question.askedBy, question.text);
    card.answering = true;
    const choose = (option: number | undefined): void => {
      card.answering = false;
      if (!answer(option)) {
        this.#closeQuestion(card, "The connection was lost before you answered");
        return;
      }
      card.chosen = option;
      card.item.classList.remove("asking");
      card.state.textContent = "Your answer is on its way";
      if (card.tally !== undefined) this.#drawTally(card, card.tally);
      else for (const button of card.body.querySelectorAll("button")) button.disabled = true;
    };
    const buttons = question.options.map((text, index) => {
      const button = el("button", "option", text);
      button.type = "button";
      button.addEventListener("click", () => choose(index));
      return button;
    });
    const skip = el("button", "option option-skip", "Rather not say");
    skip.type = "button";
    skip.addEventListener("click", () => choose(undefined));
    const time = el("span", "time-left");
    time.style.setProperty("--seconds", `${question.secondsToAnswer}s`);
    card.item.classList.add("asking");
    card.state.textContent = "Your answer?";
    card.body.replaceChildren(...buttons, skip, time);
    this.#scrollToEnd();
  }

  showTally(tally: Tally): void {
    const card = this.#pollCard(tally.id, tally.askedBy, tally.text);
    card.tally = tally;
    // Who has not answered does not see how the others did.
    if (card.answering && tally.open) return;
    this.#drawTally(card, tally);
  }

  /** The connection that they came over is gone. */
  closeQuestions(): void {
    for (const card of this.#polls.values()) {
      if (card.answering) this.#closeQuestion(card, "The connection was lost before you answered");
    }
  }

  #closeQuestion(card: PollCard, why: string): void {
    card.answering = false;
    card.item.classList.remove("asking");
    card.state.textContent = why;
    for (const button of card.body.querySelectorAll("button")) button.disabled = true;
  }

  #pollCard(id: bigint, askedBy: string, text: string): PollCard {
    const known = this.#polls.get(id);
    if (known !== undefined) return known;
    const body = el("div", "poll-body");
    const state = el("p", "poll-state");
    const heading = el("p", "poll-heading", icon("poll"), `${askedBy} asks everybody`);
    const box = el("section", "poll", heading, el("h2", "poll-question", text), body, state);
    box.setAttribute("aria-label", `Question: ${text}`);
    const card: PollCard = {
      item: el("li", "poll-item", box),
      body,
      state,
      chosen: undefined,
      tally: undefined,
      answering: false,
    };
    this.#polls.set(id, card);
    this.#last = undefined;
    this.#append(card.item, false);
    return card;
  }

  #drawTally(card: PollCard, { options, abstained, waitingFor, open }: Tally): void {
    card.answering = false;
    card.item.classList.remove("asking");
    card.item.classList.toggle("closed", !open);
    const votes = options.reduce((sum, option) => sum + option.votes, 0);
    const most = Math.max(...options.map((option) => option.votes));
    const bars = options.map((option, index) => {
      const share = votes === 0 ? 0 : Math.round((option.votes / votes) * 100);
      const label = el("span", "bar-label", option.text);
      if (card.chosen === index) label.append(el("span", "bar-own", "your answer"));
      const value = el("span", "bar-value", `${share}%`, el("span", "bar-votes", count(option.votes, "vote")));
      const bar = el("div", `bar${!open && option.votes === most && most > 0 ? " winner" : ""}`, label, value);
      bar.style.setProperty("--share", `${share}%`);
      return bar;
    });
    card.body.replaceChildren(...bars);
    const parts = [open ? "Open" : "Result", count(votes, "vote")];
    if (abstained > 0) parts.push(`${abstained} rather not`);
    if (waitingFor > 0) parts.push(`${waitingFor} ${open ? "still to answer" : "did not answer"}`);
    card.state.textContent = parts.join(" · ");
  }

  // ---- Scrolling

  get #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #append(item: HTMLLIElement, always: boolean): void {
    this.#empty.hidden = true;
    this.#list.append(item);
    this.#sizes.observe(item);
    if (always || this.#follows) this.#scrollToEnd();
    else this.#toNewest.hidden = false;
  }

  #scrollToEnd(): void {
    this.#follows = true;
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#toNewest.hidden = true;
  }
}

export const excerpt = ({ text, picture }: Draft): string => {
  if (picture !== undefined) return picture.info.fileName;
  return text.length > 90 ? `${text.slice(0, 88)}…` : text;
};

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

const pictureElement = (author: string, { info, bytes }: NonNullable<Draft["picture"]>): HTMLElement => {
  const image = el("img", "picture");
  // Its place is kept while it loads, so that nothing below it moves.
  image.width = info.width;
  image.height = info.height;
  image.alt = `Picture from ${author}: ${info.fileName}`;
  const url = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: info.type }));
  image.addEventListener("load", () => URL.revokeObjectURL(url), { once: true });
  image.src = url;
  return image;
};
