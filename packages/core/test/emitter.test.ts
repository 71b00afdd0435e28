import { beforeEach, expect, it } from "vitest";
import { Emitter } from "../src/emitter.js";

let calls: string[] = [];
beforeEach(() => {
  calls = [];
});

type Listener = (this: unknown, event: string) => void;
const make = (): Emitter<string> =>
  new Emitter((listener, context, event) => (listener as Listener).call(context, event));
const logs =
  (name: string): Listener =>
  (event) =>
    void calls.push(`${name} ${event}`);

it("calls the listeners of the event in the order in which they were added", () => {
  const emitter = make();
  emitter.emit("x", "0");
  emitter.on("x", logs("a"), undefined, false);
  emitter.on("y", logs("b"), undefined, false);
  emitter.on("x", logs("c"), undefined, false);
  emitter.emit("x", "1");
  emitter.emit("z", "2");
  emitter.emit("x", "3");
  expect(calls).toEqual(["a 1", "c 1", "a 3", "c 3"]);
});

it("calls a function as often as it was added", () => {
  const emitter = make();
  const listener = logs("a");
  for (const once of [false, true, false]) emitter.on("x", listener, undefined, once);
  emitter.emit("x", "1");
  emitter.emit("x", "2");
  expect(calls).toEqual(["a 1", "a 1", "a 1", "a 2", "a 2"]);
  emitter.off("x", listener);
  emitter.emit("x", "3");
  expect(calls).toHaveLength(5);
});

it("gives each listener its context", () => {
  const emitter = make();
  const seen: unknown[] = [];
  const listener = function (this: unknown): void {
    seen.push(this);
  };
  const context = {};
  emitter.on("x", listener, context, false);
  emitter.on("x", listener, undefined, false);
  emitter.emit("x", "1");
  expect(seen).toEqual([context, undefined]);
  expect(seen[0]).toBe(context);
});

it("once is called once, even where it emits in its turn", () => {
  const emitter = make();
  emitter.on(
    "x",
    (event: string) => {
      calls.push(event);
      if (event === "1") emitter.emit("x", "2");
    },
    undefined,
    true,
  );
  emitter.emit("x", "1");
  emitter.emit("x", "3");
  expect(calls).toEqual(["1"]);
});

it("once is called once, even where a listener before it emits in its turn", () => {
  const emitter = make();
  emitter.on("x", () => emitter.emit("x", "2"), undefined, true);
  emitter.on("x", logs("once"), undefined, true);
  emitter.emit("x", "1");
  expect(calls).toEqual(["once 2"]);
});

it("* is an event's name like any other", () => {
  const emitter = make();
  emitter.on("*", logs("star"), undefined, false);
  emitter.on("x", logs("x"), undefined, false);
  emitter.emit("x", "1");
  emitter.emit("*", "2");
  expect(calls).toEqual(["x 1", "star 2"]);
  emitter.off("*");
  emitter.emit("*", "3");
  emitter.emit("x", "4");
  expect(calls).toEqual(["x 1", "star 2", "x 4"]);
});

it.each(["constructor", "__proto__", "toString", ""])("%j is an event's name like any other", (name) => {
  const emitter = make();
  emitter.emit(name, "0");
  emitter.on(name, logs("a"), undefined, false);
  emitter.emit(name, "1");
  emitter.off(name);
  emitter.emit(name, "2");
  expect(calls).toEqual(["a 1"]);
});

it("a listener added during an emit is called from the next one on", () => {
  const emitter = make();
  emitter.on("x", () => emitter.on("x", logs("late"), undefined, false), undefined, true);
  emitter.emit("x", "1");
  expect(calls).toEqual([]);
  emitter.emit("x", "2");
  expect(calls).toEqual(["late 2"]);
});

it("a listener removed during an emit is still called in it, and not in the next", () => {
  const emitter = make();
  const second = logs("second");
  emitter.on("x", () => emitter.off("x", second), undefined, false);
  emitter.on("x", second, undefined, false);
  emitter.emit("x", "1");
  emitter.emit("x", "2");
  expect(calls).toEqual(["second 1"]);
});

it("a listener that removes itself or all of its event stops nothing", () => {
  const emitter = make();
  emitter.on("x", () => emitter.off("x"), undefined, false);
  emitter.on("x", logs("second"), undefined, false);
  emitter.emit("x", "1");
  emitter.emit("x", "2");
  expect(calls).toEqual(["second 1"]);
});

it.each<[string, [unknown?, unknown?, boolean?], string[]]>([
  ["all of the event", [], []],
  ["a function", ["f"], ["g", "g in c", "g once"]],
  ["a function in a context", ["f", "c"], ["f", "f once", "f once in d", "g", "g in c", "g once"]],
  ["a function, once", ["f", undefined, true], ["f", "f in c", "g", "g in c", "g once"]],
  ["a function, not once", ["f", undefined, false], ["f once", "f once in d", "g", "g in c", "g once"]],
  ["a function in a context, once", ["f", "d", true], ["f", "f in c", "f once", "g", "g in c", "g once"]],
  ["a context", [undefined, "c"], ["f", "f once", "f once in d", "g", "g once"]],
  ["once", [undefined, undefined, true], ["f", "f in c", "g", "g in c"]],
  ["what does not match", ["f", "e"], ["f", "f in c", "f once", "f once in d", "g", "g in c", "g once"]],
])("off removes %s", (_, [listener, context, once], left) => {
  const called: string[] = [];
  const emitter = new Emitter<string>((own, at, event) => {
    called.push(`${String(own)}${event === "once" ? " once" : ""}${at === undefined ? "" : ` in ${String(at)}`}`);
  });
  const names = { f: "f", g: "g" };
  emitter.on("x", names.f, undefined, false);
  emitter.on("x", names.f, "c", false);
  emitter.on("x", names.f, undefined, true);
  emitter.on("x", names.f, "d", true);
  emitter.on("x", names.g, undefined, false);
  emitter.on("x", names.g, "c", false);
  emitter.on("x", names.g, undefined, true);
  emitter.off("y", listener, context, once);
  emitter.off("x", listener, context, once);
  emitter.emit("x", "");
  const stays = left.map((name) => name.replace(" once", ""));
  expect(called).toEqual(stays);
  called.length = 0;
  emitter.emit("x", "");
  expect(called).toEqual(left.filter((name) => !name.includes("once")));
});

it("off of an emitter that has no listener does nothing", () => {
  make().off("x");
  make().off("*");
});
