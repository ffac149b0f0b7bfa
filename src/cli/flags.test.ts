import { describe, expect, test } from "vitest";
import { type Flag, formatFlags, parseFlags } from "./flags.ts";

const table = [
  { name: "datadir", type: "text", value: "DIR", doc: "where data is kept" },
  { name: "peer", type: "texts", value: "ENODE", doc: "a peer" },
  {
    name: "http.port",
    aliases: ["rpcport"],
    type: "number",
    value: "N",
    min: 0,
    max: 65535,
    default: 8545,
    doc: "port",
  },
  { name: "http", type: "boolean", default: true, doc: "serve HTTP" },
  { name: "once", type: "boolean", default: false, doc: "end after the show" },
] as const satisfies readonly Flag[];

const parse = (...args: string[]) => parseFlags("light", table, args);

describe("flags", () => {
  test("defaults hold where nothing is said", () => {
    expect(parse().flags).toEqual({
      datadir: undefined,
      peer: [],
      "http.port": 8545,
      http: true,
      once: false,
    });
  });

  test("values, lists by comma and by repetition, geth's forms", () => {
    const { flags, rest } = parse(
      "--datadir",
      "/a b",
      "--peer=x,y",
      "--peer",
      "z",
      "--http=false",
      "-http.port",
      "1",
      "--once",
      "file",
    );
    expect(flags).toEqual({
      datadir: "/a b",
      peer: ["x", "y", "z"],
      "http.port": 1,
      http: false,
      once: true,
    });
    expect(rest).toEqual(["file"]);
  });

  test("an old name works and is told", () => {
    const { flags, notices } = parse("--rpcport", "9000");
    expect(flags["http.port"]).toBe(9000);
    expect(notices).toEqual(["--rpcport is now --http.port"]);
  });

  test.each([["--http.port", "65536"], ["--http.port", "abc"], ["--http.port", "-1"], ["--http.port=0x10"]])(
    "ND-03 refuses %s %s by name",
    (...args) => {
      expect(() => parse(...args)).toThrow(
        expect.objectContaining({ exitCode: 2, message: expect.stringContaining("--http.port") }),
      );
    },
  );

  test("ND-03 an unknown flag is refused by name, with what to do", () => {
    expect(() => parse("--frob")).toThrow(
      expect.objectContaining({
        code: "CLI_UNKNOWN_FLAG",
        message: "unknown flag --frob; glim light --help lists the flags",
      }),
    );
  });

  test("a flag without its value is refused by name", () => {
    expect(() => parse("--datadir")).toThrow(
      expect.objectContaining({ code: "CLI_BAD_FLAG", message: expect.stringContaining("--datadir") }),
    );
  });

  test("help shows each flag with its default", () => {
    expect(formatFlags(table)).toContain("--http.port N                port (default 8545)");
    expect(parse("-h").wantsHelp).toBe(true);
  });
});
