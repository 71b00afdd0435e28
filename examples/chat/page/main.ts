// The chat's page: what the real client does in a browser.
import { type ClientOnReply, EZEZWebSocketClient } from "@ezez-ws/client";
import {
  type ClientEvents,
  DEMO_KEY,
  encodeLogin,
  Limit,
  type Member,
  type Message,
  ROOMS,
  type Room,
  type RoomName,
  type ServerEvents,
} from "../events.js";
import { avatar, el, find } from "./dom.js";
import { readPicture } from "./picture.js";
import { findServers } from "./servers.js";
import { type Bubble, type Draft, excerpt, Stream } from "./stream.js";

type ChatClient = EZEZWebSocketClient<ServerEvents, ClientEvents>;
type Connection = "connecting" | "online" | "reconnecting";

// ---- State

let client: ChatClient | undefined;
let connection: Connection = "connecting";
let name = "";
let room: RoomName = "lobby";
let shownRoom: RoomName | undefined;
let rooms: Room[] = [];
let quoting: bigint | undefined;
/** Our ids on all connections to this server so far. */
const ours = new Set<bigint>();
let serverId = "";
/** Sent over this connection and not confirmed. */
const unconfirmed = new Set<Bubble>();

// ---- The page's parts

const loginPage = find("login", HTMLElement);
const loginForm = find("login-form", HTMLFormElement);
const loginName = find("login-name", HTMLInputElement);
const loginKey = find("login-key", HTMLInputElement);
const loginError = find("login-error", HTMLElement);
const loginSubmit = find("login-submit", HTMLButtonElement);
const useDemoKey = find("login-use-key", HTMLButtonElement);
const chatPage = find("chat", HTMLElement);
const composer = find("composer", HTMLFormElement);
const textField = find("text", HTMLTextAreaElement);
const fileField = find("file", HTMLInputElement);
const dropZone = find("drop-zone", HTMLElement);
const askDialog = find("ask-dialog", HTMLDialogElement);
const toast = find("toast", HTMLElement);

const stream = new Stream((id, draft) => startQuoting(id, draft));

// ---- Connecting

const lookForServers = (): ReturnType<typeof findServers> => {
  const found = findServers();
  // Where it fails, joining tells.
  found.catch(() => undefined);
  return found;
};

let servers = lookForServers();

const join = async (key: string): Promise<void> => {
  loginSubmit.disabled = true;
  loginSubmit.textContent = "Connecting…";
  const server = (await servers).chosen();
  if (server.id !== serverId) ours.clear();
  serverId = server.id;
  find("server", HTMLElement).textContent = `${server.name} · ${server.runtime}`;
  const ownClient: ChatClient = new EZEZWebSocketClient<ServerEvents, ClientEvents>(
    server.url,
    undefined,
    // Asked for at each attempt: whoever comes back is in the right room at once.
    { auth: () => encodeLogin({ key, name, room }) },
    {
      onAuthOk: () => setConnection("online"),
      onAuthRejected: (reason) => {
        // After these the client tries again by itself.
        if (reason === "Auth verification failed" || reason === "Auth timeout") return;
        leave();
        showLoginError(reason);
      },
      onDisconnect: () => {
        if (client !== ownClient) return;
        setConnection(shownRoom === undefined ? "connecting" : "reconnecting");
        stream.closeQuestions();
        for (const bubble of unconfirmed) stream.fail(bubble, "Not confirmed");
        unconfirmed.clear();
      },
      onError: (error) => {
        console.warn(error);
        if (error.code === "CONNECT_FAILED" && shownRoom === undefined) {
          complain("The server cannot be reached. Trying again…");
        }
      },
    },
  );
  client = ownClient;
  ownClient.on("welcome", ([you, where]) => enter(you, where));
  ownClient.on("rooms", ([all]) => {
    rooms = all;
    drawRooms();
  });
  ownClient.on("notice", ([text]) => stream.addNotice(text));
  ownClient.on("message", ([message]) => stream.addMessage(message, isOurs(message)));
  ownClient.on("picture", ([message, bytes]) => stream.addMessage(message, isOurs(message), bytes));
  ownClient.on("tally", ([tally]) => stream.showTally(tally));
  ownClient.on("question", ([question], reply) => {
    stream.addQuestion(question, { answer: (option) => reply("choose", [option]) !== undefined });
  });
  setConnection("connecting");
};

const leave = (): void => {
  const left = client;
  client = undefined;
  left?.close();
  shownRoom = undefined;
  unconfirmed.clear();
  stream.clear();
  stopQuoting();
  chatPage.hidden = true;
  loginPage.hidden = false;
  offerToJoin();
  loginName.focus();
};

const offerToJoin = (): void => {
  loginSubmit.disabled = false;
  loginSubmit.textContent = "Join the chat";
};

const enter = (you: Member, where: RoomName): void => {
  ours.add(you.id);
  name = you.name;
  room = where;
  if (shownRoom === where) {
    stream.addNotice("Connected again");
  } else {
    stream.clear();
    stopQuoting();
  }
  shownRoom = where;
  loginPage.hidden = true;
  loginError.hidden = true;
  chatPage.hidden = false;
  drawMe();
  drawRooms();
  setConnection("online");
  textField.focus();
};

const isOurs = (message: Message): boolean => ours.has(message.author.id);

const setConnection = (state: Connection): void => {
  connection = state;
  find("connection", HTMLElement).dataset.state = state;
  find("connection-text", HTMLElement).textContent = {
    connecting: "Connecting",
    online: "Online",
    reconnecting: "Reconnecting",
  }[state];
  find("offline", HTMLElement).hidden = state !== "reconnecting";
  // These need the server at once; messages wait for it.
  for (const button of chatPage.querySelectorAll<HTMLButtonElement>("#rooms button, #ask")) {
    button.disabled = state !== "online";
  }
};

// ---- Sending

/** Shows it at once, and what became of it when the server has replied. */
const post = (draft: Draft): void => {
  if (client === undefined) return;
  const bubble = stream.addDraft(draft);
  const settled: ClientOnReply<ServerEvents, ClientEvents> = (eventName, args) => {
    unconfirmed.delete(bubble);
    if (eventName === "said") stream.confirm(bubble, args[0]);
    else if (eventName === "refused") stream.fail(bubble, args[0]);
  };
  try {
    if (draft.picture === undefined) client.send("say", [draft.text, draft.quotes], settled);
    else client.send("show", [draft.picture.info, draft.picture.bytes], settled);
    if (connection === "online") unconfirmed.add(bubble);
  } catch (error) {
    stream.fail(bubble, error instanceof Error ? error.message : "Not sent");
  }
};

const say = (): void => {
  const text = textField.value.trim();
  if (text === "") return;
  post({ author: name, own: true, text, quotes: quoting, picture: undefined });
  textField.value = "";
  stopQuoting();
};

const showPicture = async (file: File): Promise<void> => {
  const picture = await readPicture(file);
  if (picture === undefined) showToast(`“${file.name}” is not a picture that this browser can read`);
  else post({ author: name, own: true, text: "", quotes: undefined, picture });
};

const showPictures = (files: FileList | undefined | null): void => {
  for (const file of files ?? []) void showPicture(file);
};

const move = (to: RoomName): void => {
  if (to === shownRoom) return;
  client?.send("move", [to], (eventName, args) => {
    if (eventName === "welcome") enter(args[0], args[1]);
    else if (eventName === "refused") showToast(args[0]);
  });
};

const ask = (question: string, options: string[]): void => {
  client?.send("ask", [question, options], (eventName, args) => {
    if (eventName === "refused") showToast(args[0]);
  });
};

// ---- Drawing

const drawMe = (): void => {
  find("me-avatar", HTMLElement).replaceChildren(avatar(name));
  find("me-name", HTMLElement).textContent = name;
};

const drawRooms = (): void => {
  const list = find("rooms", HTMLUListElement);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.room : undefined;
  const items = ROOMS.map((known) => {
    const here = rooms.find((one) => one.name === known.name)?.members.length ?? 0;
    const button = el("button", "room-button", el("span", "room-hash", "#"), el("span", "room-label", known.name));
    if (here > 0) {
      const badge = el("span", "room-count", String(here));
      badge.append(el("span", "visually-hidden", here === 1 ? " member" : " members"));
      button.append(badge);
    }
    button.type = "button";
    button.dataset.room = known.name;
    button.disabled = connection !== "online";
    if (known.name === shownRoom) button.setAttribute("aria-current", "page");
    button.addEventListener("click", () => move(known.name));
    return el("li", "", button);
  });
  list.replaceChildren(...items);
  if (focused !== undefined) list.querySelector<HTMLElement>(`[data-room="${focused}"]`)?.focus();

  const members = rooms.find((one) => one.name === shownRoom)?.members ?? [];
  const people = members.map((member) => {
    const item = el("li", "", avatar(member.name), el("span", "member-name", member.name));
    if (ours.has(member.id)) item.append(el("span", "member-you", "you"));
    return item;
  });
  find("members", HTMLUListElement).replaceChildren(...people);
  find("member-count-text", HTMLElement).textContent = `${members.length} here`;
  find("room-name", HTMLElement).textContent = shownRoom ?? "";
  find("room-topic", HTMLElement).textContent = ROOMS.find((known) => known.name === shownRoom)?.topic ?? "";
  textField.placeholder = `Write to the ${shownRoom ?? "room"}`;
  document.title = `${shownRoom ?? "ezez-ws"} · ezez-ws chat`;
};

const startQuoting = (id: bigint, draft: Draft): void => {
  quoting = id;
  find("quoting-name", HTMLElement).textContent = draft.own ? "You" : draft.author;
  find("quoting-text", HTMLElement).textContent = excerpt(draft);
  find("quoting", HTMLElement).hidden = false;
  textField.focus();
};

const stopQuoting = (): void => {
  quoting = undefined;
  find("quoting", HTMLElement).hidden = true;
};

const complain = (text: string): void => {
  loginError.textContent = text;
  loginError.hidden = false;
};

const showLoginError = (reason: string): void => {
  const wrongKey = reason === "Invalid auth key";
  complain(wrongKey ? `The server refused this key. The demo’s is “${DEMO_KEY}”.` : `The server refused: ${reason}.`);
  loginKey.setAttribute("aria-invalid", String(wrongKey));
  loginKey.select();
};

let toastTimer: ReturnType<typeof setTimeout> | undefined;

const showToast = (text: string): void => {
  clearTimeout(toastTimer);
  toast.textContent = text;
  toast.hidden = false;
  toastTimer = setTimeout(() => {
    toast.hidden = true;
  }, 5000);
};

// ---- What people do

useDemoKey.textContent = DEMO_KEY;
useDemoKey.addEventListener("click", () => {
  loginKey.value = DEMO_KEY;
  loginSubmit.focus();
});

loginForm.addEventListener("submit", (event) => {
  event.preventDefault();
  loginError.hidden = true;
  loginKey.removeAttribute("aria-invalid");
  name = loginName.value.trim();
  if (name === "" || loginKey.value === "") {
    complain(name === "" ? "A name is needed, any will do." : "A key is needed.");
    (name === "" ? loginName : loginKey).focus();
    return;
  }
  join(loginKey.value).catch((error: unknown) => {
    complain(`The list of servers cannot be had: ${error instanceof Error ? error.message : String(error)}`);
    offerToJoin();
    servers = lookForServers();
  });
});

find("leave", HTMLButtonElement).addEventListener("click", leave);

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  say();
});

textField.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopQuoting();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  say();
});

find("quoting-stop", HTMLButtonElement).addEventListener("click", stopQuoting);

find("pick", HTMLButtonElement).addEventListener("click", () => fileField.click());
fileField.addEventListener("change", () => {
  showPictures(fileField.files);
  fileField.value = "";
});

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
// Anywhere on the page: a picture that misses the zone would otherwise replace the page.
window.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  dropZone.classList.add("dropping");
});
window.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) dropZone.classList.remove("dropping");
});
window.addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  dropZone.classList.remove("dropping");
  if (shownRoom !== undefined) showPictures(event.dataTransfer?.files);
});
textField.addEventListener("paste", (event) => {
  if (event.clipboardData?.files.length) showPictures(event.clipboardData.files);
});

const optionFields = Array.from({ length: Limit.options }, (_, index) => {
  const field = el("input");
  field.maxLength = Limit.optionLength;
  field.autocomplete = "off";
  field.placeholder = index < 2 ? `Option ${index + 1}` : `Option ${index + 1}, if you like`;
  field.setAttribute("aria-label", `Option ${index + 1}`);
  return field;
});
find("ask-options", HTMLElement).append(...optionFields);

const askForm = find("ask-form", HTMLFormElement);
const askQuestion = find("ask-question", HTMLInputElement);
const askError = find("ask-error", HTMLElement);

find("ask", HTMLButtonElement).addEventListener("click", () => {
  askForm.reset();
  askError.hidden = true;
  askDialog.showModal();
  askQuestion.focus();
});
find("ask-cancel", HTMLButtonElement).addEventListener("click", () => askDialog.close());
askForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const question = askQuestion.value.trim();
  const options = optionFields.map((field) => field.value.trim()).filter((option) => option !== "");
  if (question === "" || options.length < 2) {
    askError.textContent = question === "" ? "What do you want to ask?" : "At least two options are needed.";
    askError.hidden = false;
    return;
  }
  askDialog.close();
  ask(question, options);
});

loginName.focus();
