// Takes docs/images/chat.png: the page in use, in real Chromium. `screenshot.ts [FOLDER]` puts it, and how the page looks
// dark, narrow and before joining, into another folder.
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { findChromium, launchChromium } from "./chromium.js";
import { DEMO_KEY } from "./events.js";
import { findRuntimes, serveOthers } from "./runtimes.js";
import { buildPage, openWebsite } from "./web.js";

const DOCS = fileURLToPath(new URL("../../docs/images", import.meta.url));
const MAX_BYTES = 250_000;

const enter = async (browser: Browser, url: string, name: string, look: object = {}): Promise<Page> => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...look });
  // tsx wraps the functions in what is evaluated with a helper of its own.
  await context.addInitScript("globalThis.__name = (named) => named");
  const page = await context.newPage();
  await page.goto(url);
  await page.fill("#login-name", name);
  await page.fill("#login-key", DEMO_KEY);
  await page.click("#login-submit");
  await page.waitForSelector("#connection[data-state=online]");
  return page;
};

const say = async (page: Page, text: string): Promise<void> => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  await page.waitForSelector(`.own[data-state=sent] .text:text-is("${text}")`);
};

/** A harbour at sunrise, painted by the browser. */
const paint = async (page: Page): Promise<Buffer> => {
  const base64 = await page.evaluate(() => {
    const canvas = document.createElement("canvas");
    const [width, height] = [960, 520];
    canvas.width = width;
    canvas.height = height;
    const c = canvas.getContext("2d");
    if (c === null) return "";
    const fill = (style: string | CanvasGradient, draw: () => void): void => {
      c.fillStyle = style;
      c.beginPath();
      draw();
      c.fill();
    };
    const gradient = (from: number, to: number, ...stops: string[]): CanvasGradient => {
      const made = c.createLinearGradient(0, from, 0, to);
      stops.forEach((stop, index) => {
        made.addColorStop(index / (stops.length - 1), stop);
      });
      return made;
    };
    const horizon = 330;
    fill(gradient(0, horizon, "#27406b", "#7c6a9b", "#e79a83", "#ffd9a0"), () => c.rect(0, 0, width, horizon));
    const glow = c.createRadialGradient(610, 300, 10, 610, 300, 260);
    glow.addColorStop(0, "rgba(255,240,200,.95)");
    glow.addColorStop(1, "rgba(255,220,160,0)");
    fill(glow, () => c.rect(0, 0, width, horizon));
    fill("#fff3d2", () => c.arc(610, 296, 40, 0, 7));
    const hills = (base: number, rise: number, phase: number, style: string): void =>
      fill(style, () => {
        c.moveTo(0, horizon);
        for (let x = 0; x <= width; x += 6) {
          c.lineTo(x, base - rise * (Math.sin(x / 130 + phase) + 0.5 * Math.sin(x / 47 + phase * 2)));
        }
        c.lineTo(width, horizon);
      });
    hills(285, 34, 1.1, "#8d6f93");
    hills(310, 24, 3.4, "#5b5080");
    fill(gradient(horizon, height, "#e2a183", "#6d628f", "#26355c"), () => c.rect(0, horizon, width, height - horizon));
    for (let row = 0; row < 15; row++) {
      const spread = 20 + row * 9;
      fill(`rgba(255,236,190,${0.65 - row * 0.04})`, () =>
        c.ellipse(610 + Math.sin(row * 2.1) * row * 1.6, horizon + 8 + row * 12, spread, 2.2, 0, 0, 7),
      );
    }
    fill("#1b2444", () => {
      c.moveTo(200, 402);
      c.quadraticCurveTo(270, 436, 360, 402);
      c.closePath();
    });
    fill("#f5e9dc", () => {
      c.moveTo(276, 395);
      c.lineTo(276, 250);
      c.quadraticCurveTo(332, 340, 350, 395);
      c.closePath();
    });
    fill("#e9c9b4", () => {
      c.moveTo(268, 395);
      c.lineTo(268, 280);
      c.quadraticCurveTo(232, 350, 216, 395);
      c.closePath();
    });
    return canvas.toDataURL("image/png").slice("data:image/png;base64,".length);
  });
  return Buffer.from(base64, "base64");
};

const quote = async (page: Page, selector: string): Promise<void> => {
  const message = page
    .locator(".message")
    .filter({ has: page.locator(selector) })
    .last();
  await message.hover();
  await message.locator(".quote-button").click();
};

const answer = (page: Page, option: string): Promise<void> => page.click(`.asking .option:text-is("${option}")`);

/** Two people talk, show a picture, and ask. */
const talk = async (anna: Page, ben: Page, others: Page[]): Promise<void> => {
  await say(ben, "Morning! This is from the early ferry.");
  await ben.setInputFiles("#file", { name: "harbour.png", mimeType: "image/png", buffer: await paint(ben) });
  await anna.waitForSelector("img.picture");
  await quote(anna, "img.picture");
  await say(anna, "That is worth getting up for!");
  await ben.click("#ask");
  await ben.fill("#ask-question", "Where do we meet on Friday?");
  for (const [index, option] of ["At the harbour", "On the rooftop"].entries()) {
    await ben.fill(`#ask-options input >> nth=${index}`, option);
  }
  await ben.click("#ask-form [type=submit]");
  await Promise.all([anna, ben, ...others].map((page) => page.waitForSelector(".asking")));
};

const vote = async (anna: Page, ben: Page, others: Page[]): Promise<void> => {
  await answer(ben, "At the harbour");
  await answer(anna, "At the harbour");
  for (const [index, page] of others.entries()) await answer(page, index === 0 ? "On the rooftop" : "Rather not say");
  await anna.waitForSelector(".poll-item.closed");
  await say(anna, "Harbour it is. I bring the coffee.");
};

const shoot = async (page: Page, folder: string, name: string): Promise<void> => {
  const path = join(folder, name);
  await page.mouse.move(0, 0);
  await page.evaluate(async () => {
    const transitions = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(transitions.map((transition) => transition.finished));
  });
  await page.screenshot({ path, type: "png" });
  const { size } = await stat(path);
  console.log(`${path}: ${size} bytes`);
  if (size > MAX_BYTES) throw new Error(`${name} is larger than ${MAX_BYTES} bytes`);
};

const main = async (folder: string, all: boolean): Promise<void> => {
  const executable = findChromium();
  if (executable === undefined) throw new Error("no Chromium is installed; the variable CHROMIUM can name one");
  await mkdir(folder, { recursive: true });
  const others = await serveOthers(await findRuntimes());
  const website = await openWebsite({ page: await buildPage(), port: 0, others });
  const browser = await launchChromium(executable);
  try {
    const { url } = website;
    const anna = await enter(browser, url, "Anna Lind");
    const ben = await enter(
      browser,
      url,
      "Ben",
      all ? { viewport: { width: 390, height: 844 }, colorScheme: "dark" } : {},
    );
    const carla = await enter(browser, url, "Carla", { colorScheme: "dark" });
    const dmitri = await enter(browser, url, "Dmitri", { viewport: { width: 390, height: 844 } });
    await dmitri.click("[data-room=studio]");
    await dmitri.waitForSelector("[data-room=studio][aria-current]");
    const emil = await enter(browser, url, "Iris");
    await talk(anna, ben, [carla, emil]);
    if (all) {
      await shoot(anna, folder, "asking.png");
      await shoot(ben, folder, "narrow-asking.png");
      await shoot(dmitri, folder, "narrow-empty.png");
    }
    await vote(anna, ben, [carla, emil]);
    await carla.waitForSelector('.text:text-is("Harbour it is. I bring the coffee.")');
    await shoot(anna, folder, "chat.png");
    if (!all) return;
    await shoot(carla, folder, "dark.png");
    await shoot(ben, folder, "narrow-dark.png");
    await carla.click("#ask");
    await shoot(carla, folder, "dark-ask.png");
    const stranger = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await stranger.goto(url);
    await shoot(stranger, folder, "login.png");
    await stranger.fill("#login-name", "Mallory");
    await stranger.fill("#login-key", "let me in");
    await stranger.click("#login-submit");
    await stranger.waitForSelector("#login-error:not([hidden])");
    await shoot(stranger, folder, "refused.png");
    await website.close();
    await anna.waitForSelector("#connection[data-state=reconnecting]");
    await anna.fill("#text", "Is the server back?");
    await anna.press("#text", "Enter");
    await shoot(anna, folder, "reconnecting.png");
  } finally {
    await browser.close();
    await Promise.all([website, ...others].map((one) => one.close()));
  }
};

const [folder] = process.argv.slice(2);
await main(folder ?? DOCS, folder !== undefined);
