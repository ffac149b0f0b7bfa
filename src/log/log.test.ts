import { expect, test } from "vitest";
import { createLogger, silentLogger } from "./index.ts";

test("a terminal line is level, time, message and facts, with control characters escaped (BP-12)", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "debug", format: "terminal", write: (line) => lines.push(line) }).child({
    room: "p2p",
  });
  log.info("peer joined", { name: "evil\u001b[31m\nname", td: 2n ** 70n, hash: Uint8Array.of(1) });
  log.trace("not printed");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^INFO {2}\[\d\d-\d\d\|\d\d:\d\d:\d\d\] peer joined\s+room=p2p name=/);
  expect(lines[0]).toContain("td=1180591620717411303424");
  expect(lines[0]).toContain("hash=0x01");
  expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f]/);
});

test("a JSON line is one object", () => {
  const lines: string[] = [];
  createLogger({ level: "info", format: "json", write: (line) => lines.push(line) }).warn("low disk", {
    mib: 5,
  });
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: 40, msg: "low disk", mib: 5 });
});

test("the silent logger has silent children", () => {
  expect(silentLogger.child({})).toBe(silentLogger);
});

test("logfmt is geth's", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "logfmt", write: (line) => lines.push(line) });
  log.error('it "broke"', { path: "a b", empty: "", n: 1n });
  expect(lines[0]).toMatch(/^t=\d{4}-\S+Z lvl=error msg="it \\"broke\\"" path="a b" empty="" n=1\n$/);
});

test("verbosity and rules by room change while it runs", () => {
  const lines: string[] = [];
  const log = createLogger({
    level: "info",
    format: "json",
    write: (line) => lines.push(JSON.parse(line).msg),
  });
  const p2p = log.child({ room: "p2p" }).child({ peer: "a" });
  const sync = log.child({ room: "eth/downloader" });
  const { control } = log;
  p2p.debug("1");
  control?.setLevel("debug");
  p2p.debug("2");
  control?.setVmodule("p2p=1,eth/*=5");
  p2p.warn("3");
  p2p.error("4");
  sync.trace("5");
  log.debug("6");
  control?.setVmodule("");
  sync.trace("7");
  control?.setLevel("silent");
  log.error("8");
  expect(lines).toEqual(["2", "4", "5", "6"]);
  expect(() => control?.setVmodule("p2p")).toThrow(RangeError);
  expect(() => control?.setVmodule("p2p=9")).toThrow(RangeError);
});
