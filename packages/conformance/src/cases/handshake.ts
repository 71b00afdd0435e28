import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import type { Area } from "../area.js";
import { Opcode } from "../frames.js";
import type { RunningServer } from "../lab.js";
import { encode, part } from "../messages.js";
import type { ServerCallbacks, ServerOptions } from "../row.js";
import { outside } from "../time.js";
import { gate, until, within } from "../wait.js";
import { upgradeRequest } from "../wire.js";

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

export const handshake: Area = ({ it, row: { capabilities } }) => {
  it("a request that is no upgrade gets 426, which names the upgrade", async (lab) => {
    const running = await lab.start();
    const { status, headers } = await running.http(get("/anything"));
    expect(status).toBe(426);
    expect(headers.get("upgrade")).toBe("websocket");
    expect(running.calls).toEqual([]);
  });

  it("a request that is no upgrade gets 426 on the path, and 404 elsewhere", async (lab) => {
    const running = await lab.start({ path: "/ws" });
    expect((await running.http(get("/ws?room=1"))).status).toBe(426);
    for (const path of ["/", "/ws/", "/ws/more", "/WS", "/%77s", "/other?x=/ws"]) {
      expect((await running.http(get(path))).status, path).toBe(404);
    }
  });

  it("an upgrade of another path gets 404, and no callback is called", async (lab) => {
    const running = await lab.start({ path: "/ws" });
    for (const path of ["/", "/ws/", "/ws2", "/?/ws"]) {
      expect((await running.upgradeAnswer({ path })).status, path).toBe(404);
    }
    expect(running.calls).toEqual([]);
  });

  it("the path is compared without the query", async (lab) => {
    const running = await lab.start({ path: "/ws" });
    for (const path of ["/ws", "/ws?", "/ws?room=1"]) await running.authenticated({ path });
    expect(running.count("onAuthOk")).toBe(3);
  });

  it("any path is served where none is given", async (lab) => {
    const running = await lab.start();
    for (const path of ["/", "/deep/er?x=1"]) await running.authenticated({ path });
  });

  for (const [what, headers] of Object.entries({
    "a version that is not 13": { "Sec-WebSocket-Version": "12" },
    "version 8, whose origin is in another header": { "Sec-WebSocket-Version": "8" },
    "no version": { "Sec-WebSocket-Version": undefined },
    "no key": { "Sec-WebSocket-Key": undefined },
    "a short key": { "Sec-WebSocket-Key": "c2hvcnQ=" },
  })) {
    it(`an upgrade with ${what} gets 400 or 426, and becomes no connection`, async (lab) => {
      const running = await lab.start();
      const { status } = await running.upgradeAnswer({ headers });
      expect([400, 426]).toContain(status);
      await running.answersOthers();
      await running.called("onDisconnect");
    });
  }

  for (const connection of ["close", "keep-alive", "x-yz1", undefined]) {
    it(`an upgrade whose Connection header is ${connection ?? "missing"} is refused, and becomes no connection`, async (lab) => {
      const running = await lab.start();
      const { status } = await running.upgradeAnswer({ headers: { Connection: connection } });
      expect([400, 426]).toContain(status);
      await running.answersOthers();
    });
  }

  it("an upgrade among other tokens of its Connection header is one", async (lab) => {
    const running = await lab.start();
    await running.authenticated({ headers: { Connection: "keep-alive, Upgrade" } });
  });

  it("an upgrade to something else than a WebSocket becomes no connection", async (lab) => {
    const running = await lab.start();
    const { status } = await running.upgradeAnswer({ headers: { Upgrade: "h2c" } });
    expect([400, 426]).toContain(status);
    await running.answersOthers();
  });

  it("bytes that are no HTTP end that connection alone", async (lab) => {
    const running = await lab.start();
    await running.http("\x16\x03\x01 nonsense\r\n\r\n").catch(() => undefined);
    await running.answersOthers();
  });

  it("a header that is far too large ends that connection alone", async (lab) => {
    const running = await lab.start();
    const text = `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${"x".repeat(200_000)}\r\n\r\n`;
    const answer = await running.http(text).catch(() => undefined);
    expect(answer === undefined || answer.status >= 400).toBe(true);
    await running.answersOthers();
  });

  const authAndMessages = Buffer.concat([authFrame(), ...[1, 2, 3].map((n) => masked(encode("a", n, null, n)))]);
  const messages = [1, 2, 3].map((n) => ["a", n]);

  if (capabilities.readsBehindUpgrade) {
    it("the auth message may come in the same TCP segment as the upgrade", async (lab) => {
      const running = await lab.start();
      const wire = await running.open({ behindUpgrade: authFrame() });
      expect(await wire.next()).toEqual(["ezez-ws::auth-ok"]);
    });

    it("several messages may come in the same TCP segment as the upgrade, in order", async (lab) => {
      const running = await lab.start();
      await running.open({ behindUpgrade: authAndMessages });
      await running.called("onMessage", 3);
      expect(running.messages).toEqual(messages);
    });
  } else {
    it("what comes in the same TCP segment as the upgrade is lost", async (lab) => {
      const running = await lab.start();
      const wire = await running.open({ behindUpgrade: authFrame() });
      wire.frame(Opcode.ping);
      expect((await wire.nextFrame()).opcode).toBe(Opcode.pong);
      expect(running.count("onAuthRequest")).toBe(0);
      await wire.authenticate();
    });
  }

  if (capabilities.statusBehindPendingUpgrade === 101) {
    it("several messages may come behind the upgrade while onUpgrade does real I/O, in order", async (lab) => {
      const running = await lab.start({}, { onUpgrade: realIo });
      await running.open({ behindUpgrade: authAndMessages });
      await running.called("onMessage", 3);
      expect(running.messages).toEqual(messages);
    });
  } else {
    it("what comes behind the upgrade while onUpgrade does real I/O ends that connection alone", async (lab) => {
      const running = await lab.start({}, { onUpgrade: realIo });
      const { status } = await running.upgradeAnswer({ behindUpgrade: authFrame() });
      expect(status).toBe(capabilities.statusBehindPendingUpgrade);
      await running.answersOthers();
      expect(running.count("onAuthRequest")).toBe(1);
    });
  }

  it("request.url is path and query as sent", async (lab) => {
    const running = await lab.start();
    const path = "/ws?room=1&q=%20a%2Fb&empty=&ü=".replace("ü", "%C3%BC");
    await running.authenticated({ path });
    expect(running.of("onAuthOk")[0]?.client?.request.url).toBe(path);
  });

  it(`request.url is ${capabilities.keepsUrl ? "as sent" : "normalised"} where a URL parser would change it`, async (lab) => {
    const running = await lab.start();
    await running.authenticated({ path: "/a/../b//%2E/c?x='%27&y=1/../2" });
    expect(running.of("onAuthOk")[0]?.client?.request.url).toBe(
      capabilities.keepsUrl ? "/a/../b//%2E/c?x='%27&y=1/../2" : "/b//c?x=%27%27&y=1/../2",
    );
  });

  it("request.headers have lower-case names, and repeated ones are joined as HTTP says", async (lab) => {
    const running = await lab.start();
    await running.authenticated({
      headers: { "X-Thing": ["1", "2"], "User-Agent": "conformance", Cookie: ["a=1", "b=2"], "x-EMPTY": "" },
    });
    const headers = running.of("onAuthOk")[0]?.client?.request.headers;
    expect(headers?.get("x-thing")).toBe("1, 2");
    expect(headers?.get("user-agent")).toBe("conformance");
    expect(headers?.get("cookie")).toBe("a=1; b=2");
    expect(headers?.get("x-empty")).toBe("");
    expect(headers?.get("upgrade")).toBe("websocket");
    expect(headers?.get("X-Thing")).toBeUndefined();
    expect(headers?.get("x-missing")).toBeUndefined();
  });

  it("request.remoteAddress is written as IPv4 for an IPv4 peer", async (lab) => {
    const running = await lab.start();
    await running.authenticated();
    expect(running.of("onAuthOk")[0]?.client?.request.remoteAddress).toBe("127.0.0.1");
  });

  it("request.remoteAddress is written as IPv4 also where the server listens for IPv4 and IPv6", async (lab) => {
    // No host: a socket of both families, where the machine has both.
    const running = await lab.start({ host: undefined } as unknown as ServerOptions);
    await running.authenticated();
    expect(running.of("onAuthOk")[0]?.client?.request.remoteAddress).toBe("127.0.0.1");
  });

  it("request, context and connectionId stay readable after the close", async (lab) => {
    const running = await lab.start({ defaultContext: { name: "x" } });
    const { wire, client } = await running.pair({ path: "/here", headers: { "X-Thing": "1" } });
    const before = [client.connectionId, client.request.url, client.request.remoteAddress, client.context];
    wire.close(1000);
    await running.called("onDisconnect");
    await wire.closed();
    expect([client.connectionId, client.request.url, client.request.remoteAddress, client.context]).toEqual(before);
    expect(client.request.headers.get("x-thing")).toBe("1");
    expect(client.bufferedAmount).toBe(0);
  });

  it("onUpgrade gets what will be client.request", async (lab) => {
    const running = await lab.start();
    await running.authenticated({ path: "/a?b=c" });
    const [request] = running.of("onUpgrade")[0]?.rest ?? [];
    expect(running.of("onAuthOk")[0]?.client?.request).toEqual(request);
    expect(request).toMatchObject({ url: "/a?b=c", remoteAddress: "127.0.0.1" });
  });

  it("onUpgrade may do real I/O, and the request stays readable after it", async (lab) => {
    const seen: unknown[] = [];
    const running = await lab.start(
      {},
      {
        onUpgrade: async (request) => {
          await realIo();
          seen.push(request.url, request.headers.get("x-thing"), request.remoteAddress);
          return true as const;
        },
      },
    );
    await running.authenticated({ path: "/later", headers: { "X-Thing": "1" } });
    expect(seen).toEqual(["/later", "1", "127.0.0.1"]);
  });

  const refusal = { status: 401, headers: { "WWW-Authenticate": "Basic", "X-Why": "no ticket" }, body: "no ticket\n" };
  for (const [how, onUpgrade] of Object.entries<ServerCallbacks["onUpgrade"]>({
    "at once": () => refusal,
    "after real I/O": async () => {
      await realIo();
      return refusal;
    },
  })) {
    it(`onUpgrade refuses ${how} with status, headers and body`, async (lab) => {
      const running = await lab.start({}, { onUpgrade });
      const answer = await running.upgradeAnswer();
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Basic");
      expect(answer.headers.get("x-why")).toBe("no ticket");
      // Without it Bun would keep the connection.
      expect(answer.headers.get("connection")).toMatch(/^close$/i);
      expect(answer.body).toBe("no ticket\n");
      expect(running.calls.map(({ name }) => name)).toEqual(["onUpgrade"]);
      expect(running.server.clients).toEqual([]);
    });
  }

  it("onUpgrade refuses with false: 403, and no connection", async (lab) => {
    const running = await lab.start({}, { onUpgrade: async (request) => request.url !== "/closed" });
    expect((await running.upgradeAnswer({ path: "/closed" })).status).toBe(403);
    expect(running.errors).toEqual([]);
    await running.authenticated();
  });

  it("onUpgrade refuses with a status alone", async (lab) => {
    const running = await lab.start({}, { onUpgrade: () => ({ status: 429 }) });
    const answer = await running.upgradeAnswer();
    expect([answer.status, answer.body]).toEqual([429, ""]);
  });

  it("onUpgrade refuses with a body of many bytes per character", async (lab) => {
    const running = await lab.start({}, { onUpgrade: () => ({ status: 400, body: "ż🦀".repeat(1000) }) });
    expect((await running.upgradeAnswer()).body).toBe("ż🦀".repeat(1000));
  });

  for (const [what, answer] of Object.entries({
    "a truthy value": 1,
    null: null,
    undefined: undefined,
    "a status that HTTP does not have": { status: 1000 },
    "the status of an upgrade": { status: 101 },
    "a header that would begin another": { status: 400, headers: { "x-why": "a\r\nset-cookie: b=c" } },
    "a header's name that is none": { status: 400, headers: { "x why": "a" } },
    "a header beyond latin1": { status: 400, headers: { "x-why": "🦀" } },
    "a body that is no string": { status: 400, body: 5 },
  })) {
    it(`onUpgrade gives ${what}: 500, one onError, and no connection`, async (lab) => {
      let bad = true;
      const onUpgrade = (() => (bad ? answer : true)) as ServerCallbacks["onUpgrade"];
      const running = await lab.start({}, { onUpgrade });
      expect((await running.upgradeAnswer()).status).toBe(500);
      expect(running.errors.map(({ code, stage }) => [code, stage])).toEqual([["CALLBACK_FAILED", "onUpgrade"]]);
      expect(running.of("onError")[0]?.client).toBeUndefined();
      bad = false;
      await running.answersOthers();
      await running.called("onDisconnect");
    });
  }

  it("a peer that resets the connection while onUpgrade is pending leaves nothing behind", async (lab) => {
    const pending = gate<true>();
    const running = await lab.start(
      { maxConnections: 1 },
      { onUpgrade: (request) => (request.url === "/slow" ? pending.passed : true) },
    );
    const wire = running.wire({ path: "/slow" });
    await running.called("onUpgrade");
    wire.reset();
    pending.open(true);
    await untilAdmitted(running);
    expect(running.server.clients).toEqual([]);
    expect(running.count("onAuthOk")).toBe(0);
  });

  it("onUpgrade that takes longer than upgradeDecisionTimeoutMs: 500, one CALLBACK_FAILED, and its answer is late", async (lab) => {
    const decision = gate<true>();
    const running = await lab.start(
      { upgradeDecisionTimeoutMs: 50 },
      { onUpgrade: ({ url }) => url !== "/slow" || decision.passed },
    );
    expect((await running.upgradeAnswer({ path: "/slow" })).status).toBe(500);
    await running.called("onError");
    expect(running.errors).toMatchObject([{ code: "CALLBACK_FAILED", stage: "onUpgrade" }]);
    expect(String(running.errors[0]?.cause)).toMatch("upgradeDecisionTimeoutMs");
    decision.open(true);
    await running.answersOthers();
    await running.called("onDisconnect");
    // The other's.
    expect(running.count("onAuthOk")).toBe(1);
    expect(running.errors).toHaveLength(1);
    expect(running.server.clients).toEqual([]);
  });

  it("maxConnections: one more gets 503 before the upgrade, authenticated or not; after one has left, the next gets in", async (lab) => {
    const running = await lab.start({ maxConnections: 2 });
    const first = await running.authenticated();
    await running.open();
    const { status } = await running.upgradeAnswer();
    expect(status).toBe(503);
    expect(running.count("onUpgrade")).toBe(2);
    first.close(1000);
    await first.closed();
    await untilAdmitted(running);
  });

  it("maxConnections holds where onUpgrade of several peers settles at the same moment", async (lab) => {
    const pending = gate<true>();
    const running = await lab.start({ maxConnections: 1 }, { onUpgrade: () => pending.passed });
    const answers = [1, 2, 3].map(() => running.upgradeAnswer());
    await running.called("onUpgrade", 3);
    pending.open(true);
    expect((await Promise.all(answers)).map(({ status }) => status).sort()).toEqual([101, 503, 503]);
  });

  it("allowedOrigins as a list: exact origins only, others get 403 before the upgrade", async (lab) => {
    const running = await lab.start({ allowedOrigins: ["https://app.example.com", "http://localhost:5173"] });
    for (const Origin of ["https://app.example.com", "http://localhost:5173"]) {
      expect((await running.upgradeAnswer({ headers: { Origin } })).status, Origin).toBe(101);
    }
    const called = running.count("onUpgrade");
    for (const Origin of [
      "https://evil.example",
      "https://app.example.com.evil",
      "https://app.example.com:8443",
      "http://app.example.com",
      "https://APP.example.com",
      "https://app.example.com/",
      "http://localhost",
      "null",
    ]) {
      expect((await running.upgradeAnswer({ headers: { Origin } })).status, Origin).toBe(403);
    }
    expect(running.count("onUpgrade")).toBe(called);
  });

  it("allowedOrigins as a list lets a request without Origin pass", async (lab) => {
    const running = await lab.start({ allowedOrigins: ["https://app.example.com"] });
    await running.authenticated();
  });

  it("allowedOrigins as an empty list keeps every browser out", async (lab) => {
    const running = await lab.start({ allowedOrigins: [] });
    expect((await running.upgradeAnswer({ headers: { Origin: "https://app.example.com" } })).status).toBe(403);
    await running.authenticated();
  });

  it("allowedOrigins as a predicate decides, and sees undefined where there is no Origin", async (lab) => {
    const seen: (string | undefined)[] = [];
    const running = await lab.start({
      allowedOrigins: (origin) => {
        seen.push(origin);
        return origin?.endsWith(".example.com") === true;
      },
    });
    expect((await running.upgradeAnswer({ headers: { Origin: "https://a.example.com" } })).status).toBe(101);
    expect((await running.upgradeAnswer({ headers: { Origin: "https://evil.example" } })).status).toBe(403);
    expect((await running.upgradeAnswer()).status).toBe(403);
    expect(seen).toEqual(["https://a.example.com", "https://evil.example", undefined]);
  });

  it("allowedOrigins as a predicate that throws lets nobody in, and is reported once", async (lab) => {
    const running = await lab.start({
      allowedOrigins: () => {
        throw new Error("failed");
      },
    });
    expect((await running.upgradeAnswer({ headers: { Origin: "https://a.example" } })).status).toBe(500);
    expect(running.errors.map(({ code }) => code)).toEqual(["CALLBACK_FAILED"]);
  });

  const offer = { headers: { "Sec-WebSocket-Protocol": "chat.v2, chat.v1" } };
  const protocolOf = (answer: { headers: ReadonlyMap<string, string> }) => answer.headers.get("sec-websocket-protocol");

  it("handleProtocols: the first offered subprotocol by default, and none where none is offered", async (lab) => {
    const running = await lab.start();
    expect(protocolOf(await running.upgradeAnswer(offer))).toBe("chat.v2");
    expect(protocolOf(await running.upgradeAnswer())).toBeUndefined();
  });

  it("handleProtocols chooses among what is offered, and sees the request", async (lab) => {
    const seen: unknown[] = [];
    const running = await lab.start({
      handleProtocols: (protocols, request) => {
        seen.push([...protocols], request.url);
        return "chat.v1";
      },
    });
    const answer = await running.upgradeAnswer({ ...offer, path: "/p" });
    expect([answer.status, protocolOf(answer)]).toEqual([101, "chat.v1"]);
    expect(seen).toEqual([["chat.v2", "chat.v1"], "/p"]);
  });

  it("handleProtocols refuses all subprotocols with false, as an option or as an answer", async (lab) => {
    const running = await lab.start({ handleProtocols: false });
    const asking = await lab.start({ handleProtocols: () => false });
    for (const server of [running, asking]) {
      const answer = await server.upgradeAnswer(offer);
      expect([answer.status, protocolOf(answer)]).toEqual([101, undefined]);
    }
  });

  it("handleProtocols that throws, or chooses what was not offered, gives 500 and one onError", async (lab) => {
    const throwing = await lab.start({
      handleProtocols: () => {
        throw new Error("failed");
      },
    });
    const inventing = await lab.start({ handleProtocols: () => "chat.v3" });
    for (const server of [throwing, inventing]) {
      expect((await server.upgradeAnswer(offer)).status).toBe(500);
      expect(server.errors.map(({ code }) => code)).toEqual(["CALLBACK_FAILED"]);
    }
  });

  it("compression is off: an offered extension is not accepted", async (lab) => {
    const running = await lab.start();
    const answer = await running.upgradeAnswer({
      headers: { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" },
    });
    expect([answer.status, answer.headers.get("sec-websocket-extensions")]).toEqual([101, undefined]);
  });

  it("an upgrade that comes byte by byte is served", async (lab) => {
    const running = await lab.start();
    const text = upgradeRequest(running.port);
    const whole = capabilities.readsRequestLineInPieces ? 0 : text.indexOf("\r\n") + 2;
    expect(await answerToPieces(running, [text.slice(0, whole), ...text.slice(whole)])).toMatch(/^HTTP\/1\.1 101 /);
  });

  if (!capabilities.readsRequestLineInPieces) {
    it("a first line that comes in pieces is refused", async (lab) => {
      const running = await lab.start();
      const text = upgradeRequest(running.port);
      expect(await answerToPieces(running, [...text])).toMatch(/^HTTP\/1\.1 505 /);
      await running.answersOthers();
    });
  }
};

/** The answer to a request that comes in these pieces. */
const answerToPieces = async (running: RunningServer, pieces: readonly string[]): Promise<string> => {
  const socket = running.connect();
  const answer = new Promise<string>((resolve) => socket.once("data", (data: Buffer) => resolve(data.toString())));
  try {
    for (const piece of pieces) {
      socket.write(piece);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return await within(answer, "an answer");
  } finally {
    socket.destroy();
  }
};

const masked = (payload: Uint8Array): Buffer => {
  const head = [
    0x82,
    ...(payload.length < 126 ? [0x80 | payload.length] : [0xfe, payload.length >> 8, payload.length]),
  ];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
};

const authFrame = (): Buffer =>
  masked(Buffer.concat([part("f", "ezez-ws::auth"), part("f", "key"), part("j", '"n:1"')]));

/** What takes more than microtasks. */
const realIo = async (): Promise<true> => {
  await outside(readFile(new URL(import.meta.url)));
  await new Promise((resolve) => setTimeout(resolve, 5));
  return true;
};

/** Tries until a peer gets in: a connection that has just ended may count for a moment. */
const untilAdmitted = async (running: RunningServer): Promise<void> => {
  let admitted = false;
  const attempt = async (): Promise<void> => {
    const wire = running.wire();
    const { status } = await wire.response.catch(() => ({ status: 0 }));
    admitted ||= status === 101;
    wire.destroy();
  };
  let last = attempt();
  await until(() => {
    last = last.then(() => (admitted ? undefined : attempt()));
    return admitted;
  }, "another peer got in");
  await last;
};
