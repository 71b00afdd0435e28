// The page, and in it the real client, in real Chromium against the real server.
import { fileURLToPath } from "node:url";
import { EZEZWebSocketClient } from "@ezez-ws/client";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findChromium, launchChromium } from "../chromium.js";
import { type ClientEvents, DEMO_KEY, encodeLogin, type ServerEvents } from "../events.js";
import { drawPng } from "../png.js";
import { findRuntimes, type Served } from "../runtimes.js";
import { buildPage, openWebsite, type Page as Pages, type Website } from "../web.js";

type ChatClient = EZEZWebSocketClient<ServerEvents, ClientEvents>;

// Beside it other tests start demos of their own, on as few as two cores.
const DEADLINE_MS = 30_000;

const chromium = findChromium();
const name = chromium === undefined ? "the page (skipped: no Chromium here, CHROMIUM can name one)" : "the page";

const tsconfig = fileURLToPath(new URL("../tsconfig.source.json", import.meta.url));
process.env.TSX_TSCONFIG_PATH = tsconfig;
const bun = (await findRuntimes()).find(({ id }) => id === "bun");

describe.skipIf(chromium === undefined)(name, { timeout: 120_000 }, () => {
  let browser: Browser;
  let files: Pages;
  let website: Website;
  const contexts: BrowserContext[] = [];
  const clients: ChatClient[] = [];

  beforeAll(async () => {
    files = await buildPage(tsconfig);
    browser = await launchChromium(chromium ?? "");
  }, 60_000);

  afterAll(() => browser?.close());

  beforeEach(async () => {
    website = await openWebsite({ page: files, port: 0 });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await website.close();
  });

  const open = async (): Promise<Page> => {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    await page.goto(website.url);
    return page;
  };

  const logIn = async (page: Page, member: string, key: string): Promise<void> => {
    await page.fill("#login-name", member);
    await page.fill("#login-key", key);
    await page.click("#login-submit");
  };

  const join = async (member: string): Promise<Page> => {
    const page = await open();
    await logIn(page, member, DEMO_KEY);
    await isOnline(page);
    return page;
  };

  const isOnline = (page: Page): Promise<unknown> => page.waitForSelector("#connection[data-state=online]");

  /** What an event brings can come later than what it follows. */
  const shows = (page: Page, selector: string, text: string): Promise<unknown> =>
    page.waitForSelector(`${selector}:text-is(${JSON.stringify(text)})`);

  const write = async (page: Page, text: string): Promise<void> => {
    await page.fill("#text", text);
    await page.press("#text", "Enter");
  };

  /** Somebody who is no browser. */
  const joinFromNode = async (member: string, port = website.port): Promise<ChatClient> => {
    const auth = encodeLogin({ key: DEMO_KEY, name: member, room: "lobby" });
    const url = `ws://127.0.0.1:${port}/ws`;
    const client: ChatClient = new EZEZWebSocketClient<ServerEvents, ClientEvents>(url, undefined, { auth });
    clients.push(client);
    await new Promise((resolve) => client.once("welcome", resolve));
    return client;
  };

  const heard = <K extends keyof ServerEvents>(
    client: ChatClient,
    eventName: K,
    matches: (...args: ServerEvents[K]) => boolean = () => true,
  ): Promise<ServerEvents[K]> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${eventName} came`)), DEADLINE_MS);
      client.on(eventName, (args) => {
        if (!matches(...args)) return;
        clearTimeout(late);
        resolve(args);
      });
    });

  it("is refused with a wrong key, is told the demo's, and comes in with it", async () => {
    const page = await open();
    await logIn(page, "Anna", "let me in");
    await page.waitForSelector("#login-error:not([hidden])");
    expect(await page.textContent("#login-error")).toContain(`refused this key. The demo’s is “${DEMO_KEY}”`);
    expect(await page.isVisible("#chat")).toBe(false);
    expect(website.chat.server.clients).toHaveLength(0);

    await page.click("#login-use-key");
    await page.click("#login-submit");
    await isOnline(page);
    expect(await page.isVisible("#login")).toBe(false);
    await shows(page, "#room-name", "lobby");
    await shows(page, "#member-count-text", "1 here");
    expect(website.chat.server.clients.map((client) => client.context.name)).toEqual(["Anna"]);
  });

  it("keeps trying when the server cannot be reached", async () => {
    const page = await open();
    const { port } = website;
    await page.waitForSelector("#login-server option", { state: "attached" });
    await website.close();
    await logIn(page, "Anna", DEMO_KEY);
    await page.waitForSelector('#login-error:has-text("The server cannot be reached")');
    website = await openWebsite({ page: files, port });
    await isOnline(page);
    expect(await page.isVisible("#chat")).toBe(true);
  });

  it("sends a message, shows that it was replied to, and hears others", async () => {
    const ben = await joinFromNode("Ben");
    const page = await join("Anna");
    const arrives = heard(ben, "message");
    await write(page, "Hello from the page");
    const [message] = await arrives;
    expect(message).toMatchObject({ text: "Hello from the page", author: { name: "Anna" }, quotes: undefined });
    expect(typeof message.id).toBe("bigint");
    await page.waitForSelector('.own[data-state=sent] .text:text-is("Hello from the page")');

    ben.send("say", ["Hello page", message.id]);
    await page.waitForSelector('.message:not(.own) .text:text-is("Hello page")');
    // The bigint found its message again.
    expect(await page.textContent(".message:not(.own) .quote")).toBe("YouHello from the page");
  });

  it("shows what others write as text, never as markup", async () => {
    const mallory = await joinFromNode("<b>Mallory</b>");
    const page = await join("Anna");
    const text = `<img src=x onerror="document.title='mine'">`;
    mallory.send("say", [text, undefined]);
    await page.waitForSelector(".message:not(.own) .text");
    expect(await page.textContent(".message:not(.own) .text")).toBe(text);
    expect(await page.textContent(".message:not(.own) .author")).toBe("<b>Mallory</b>");
    expect(await page.locator(".message img, .author b").count()).toBe(0);
  });

  it("is asked by the server, and its answer is counted", async () => {
    const ben = await joinFromNode("Ben");
    const page = await join("Anna");
    const carla = await join("Carla");
    ben.on("question", (_, reply) => reply("choose", [1]));
    const result = heard(ben, "tally", (tally) => !tally.open);
    ben.send("ask", ["Tea or coffee?", ["Tea", "Coffee"]]);
    await page.click('.asking .option:text-is("Coffee")');
    await carla.click('.asking .option:text-is("Rather not say")');
    const [tally] = await result;
    expect(tally).toMatchObject({ abstained: 1, waitingFor: 0, open: false });
    expect(tally.options).toEqual([
      { text: "Tea", votes: 0 },
      { text: "Coffee", votes: 2 },
    ]);
    await page.waitForSelector(".poll-item.closed");
    expect(await page.textContent(".poll-item .poll-state")).toBe("Result · 2 votes · 1 rather not");
    expect(await page.textContent(".bar.winner .bar-label")).toBe("Coffeeyour answer");
  });

  it("has the server ask everybody", async () => {
    const ben = await joinFromNode("Ben");
    const page = await join("Anna");
    const asked = heard(ben, "question");
    await page.click("#ask");
    await page.fill("#ask-question", "Cake?");
    await page.click("#ask-form [type=submit]");
    expect(await page.textContent("#ask-error")).toBe("At least two options are needed.");
    await page.fill("#ask-options input >> nth=0", "Yes");
    await page.fill("#ask-options input >> nth=1", "Of course");
    await page.click("#ask-form [type=submit]");
    const [question] = await asked;
    expect(question).toMatchObject({ askedBy: "Anna", text: "Cake?", options: ["Yes", "Of course"] });
    await page.waitForSelector(".asking");
  });

  it("sends a picture as bytes, which reach a program and another page", async () => {
    const ben = await joinFromNode("Ben");
    const [anna, carla] = [await join("Anna"), await join("Carla")];
    const arrives = heard(ben, "picture");
    const file = { name: "disc.png", mimeType: "image/png", buffer: Buffer.from(drawPng(640)) };
    await anna.setInputFiles("#file", file);
    const [message, bytes] = await arrives;
    // The page has made it smaller.
    expect(message.picture).toEqual({ fileName: "disc.png", type: "image/webp", width: 480, height: 480 });
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(bytes.subarray(0, 4)).toString()).toBe("RIFF");
    // RIFF says how long it is: all of it has come.
    expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true) + 8).toBe(bytes.byteLength);
    await carla.waitForFunction(() => document.querySelector<HTMLImageElement>("img.picture")?.naturalWidth === 480);
    await anna.waitForSelector(".own[data-state=sent] img.picture");
  });

  it("shows a picture of a program, and takes one that is dropped", async () => {
    const ben = await joinFromNode("Ben");
    const page = await join("Anna");
    const info = { fileName: "disc.png", type: "image/png", width: 96, height: 96 } as const;
    ben.send("show", [info, drawPng(96)]);
    await page.waitForFunction(() => document.querySelector<HTMLImageElement>("img.picture")?.naturalWidth === 96);

    const arrives = heard(ben, "picture");
    await page.evaluate(
      (png) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(png)], "dropped.png", { type: "image/png" }));
        for (const type of ["dragover", "drop"]) {
          document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
        }
      },
      Array.from(drawPng(32)),
    );
    const [message] = await arrives;
    expect(message.picture).toMatchObject({ fileName: "dropped.png", width: 32, height: 32 });
  });

  it("goes to another room", async () => {
    const ben = await joinFromNode("Ben");
    const page = await join("Anna");
    const told = heard(ben, "notice", (text) => text === "Anna went to the studio");
    await page.click("[data-room=studio]");
    await told;
    await page.waitForSelector("[data-room=studio][aria-current]");
    await shows(page, "#room-name", "studio");
    expect(website.chat.server.clients.map((client) => client.context.room)).toEqual(["lobby", "studio"]);
  });

  it("comes back when the server has restarted, in the same room, with what was written meanwhile", async () => {
    const page = await join("Anna");
    await page.click("[data-room=studio]");
    await page.waitForSelector("[data-room=studio][aria-current]");
    const { port } = website;
    await website.close();
    await page.waitForSelector("#connection[data-state=reconnecting]");
    await write(page, "Written while it was away");
    await page.waitForSelector(".own[data-state=sending]");

    website = await openWebsite({ page: files, port });
    await isOnline(page);
    await page.waitForSelector('.own[data-state=sent] .text:text-is("Written while it was away")');
    expect(website.chat.server.clients.map((client) => client.context.room)).toEqual(["studio"]);
    const ben = await joinFromNode("Ben");
    const catchesUp = heard(ben, "message");
    ben.send("move", ["studio"]);
    const [message] = await catchesUp;
    expect(message.text).toBe("Written while it was away");
  });

  it("says which server it is on, and offers no choice where there is one", async () => {
    const page = await join("Anna");
    await shows(page, "#server", `ws · Node ${process.versions.node}`);
    expect(await page.isVisible("#compare")).toBe(false);
    await page.click("#leave");
    expect(await page.isVisible("#login-servers")).toBe(false);
  });

  describe.skipIf(bun?.missing !== undefined)(`with a second server (${bun?.missing ?? "on Bun"})`, () => {
    let onBun: Served | undefined;

    beforeEach(async () => {
      onBun = await bun?.serve();
      const others = onBun === undefined ? [] : [onBun];
      await website.close();
      website = await openWebsite({ page: files, port: 0, others });
    });

    afterEach(() => onBun?.close());

    it("talks to the server that was chosen, and to others on it", async () => {
      const ben = await joinFromNode("Ben", onBun?.port);
      const page = await open();
      await page.selectOption("#login-server", "bun");
      await logIn(page, "Anna", DEMO_KEY);
      await isOnline(page);
      await shows(page, "#server", `Bun.serve · ${bun?.runtime}`);
      await shows(page, "#member-count-text", "2 here");
      expect(website.chat.server.clients).toHaveLength(0);

      const arrives = heard(ben, "message");
      await write(page, "Hello Bun");
      const [message] = await arrives;
      expect(message).toMatchObject({ text: "Hello Bun", author: { name: "Anna" } });
      await page.waitForSelector('.own[data-state=sent] .text:text-is("Hello Bun")');
      ben.send("say", ["Hello page", message.id]);
      await page.waitForSelector('.message:not(.own) .text:text-is("Hello page")');
      expect(await page.textContent(".message:not(.own) .quote")).toBe("YouHello Bun");
    });

    it("opens a second window on the other server, where nothing of the first is", async () => {
      const page = await join("Anna");
      await write(page, "Only here");
      await page.waitForSelector(".own[data-state=sent]");
      const [second] = await Promise.all([page.context().waitForEvent("page"), page.click("#compare")]);
      second.setDefaultTimeout(DEADLINE_MS);
      await second.waitForSelector("#login-servers:not([hidden])");
      expect(await second.inputValue("#login-server")).toBe("bun");
      await logIn(second, "Ben", DEMO_KEY);
      await isOnline(second);
      await shows(second, "#server", `Bun.serve · ${bun?.runtime}`);
      await shows(second, "#member-count-text", "1 here");
      expect(await second.locator(".message").count()).toBe(0);
      await shows(page, "#member-count-text", "1 here");
    });

    it("goes from one server to the other in one window", async () => {
      const page = await join("Anna");
      await page.click("#leave");
      await page.selectOption("#login-server", "bun");
      await page.click("#login-submit");
      await isOnline(page);
      await shows(page, "#server", `Bun.serve · ${bun?.runtime}`);
      await expect.poll(() => website.chat.server.clients.length, { timeout: DEADLINE_MS }).toBe(0);
    });
  });
});
