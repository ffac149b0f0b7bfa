// Rules of the sources that no linter here knows: attacks-and-faults §1.11.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

/** Text of every file of `src` that is no test, comments left out. */
const sources = new Map<string, string>();
beforeAll(async () => {
  for (const file of await readdir("src", { recursive: true })) {
    if (!file.endsWith(".ts") || /\.(test|fuzz\.test|bench)\.ts$/.test(file)) continue;
    const text = await readFile(join("src", file), "utf8");
    sources.set(file, text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, ""));
  }
  expect(sources.size).toBeGreaterThan(200);
});

const filesWith = (pattern: RegExp) =>
  [...sources].filter(([, text]) => pattern.test(text)).map(([file]) => file);

describe("JS-03 regular expressions", () => {
  test("none is made from a text", () => {
    expect(filesWith(/\bRegExp\(/)).toEqual([]);
  });

  test("none goes back over its input: 50,000 times any character it knows, and an end it does not", () => {
    const literal = /(?<=[(,=:?&|[]\s*)\/(?![*/])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)/g;
    const found = [...sources].flatMap(([file, text]) =>
      [...text.matchAll(literal)].map(([, body = "", flags = ""]) => ({ file, body, flags })),
    );
    expect(found.length).toBeGreaterThan(40);
    for (const { file, body, flags } of found) {
      const regex = new RegExp(body, flags.replace(/[gy]/g, ""));
      for (const unit of new Set([...body.split(""), ..."a0 \t.:[]-_/".split(""), "ab", "0x", "a.", ": "])) {
        // a machine that stands still for a second does so once; a regular expression does it each time
        const once = (): number => {
          const from = performance.now();
          for (const start of ["", "\u0000"])
            for (const end of ["\u0000", "\n\u0000"]) regex.test(start + unit.repeat(50_000) + end);
          return performance.now() - from;
        };
        const isFast = Array.from({ length: 3 }).some(() => once() < 1_000);
        expect(isFast, `${file}: /${body}/ over ${JSON.stringify(unit)}`).toBe(true);
      }
    }
  });
});

test("JS-05 nothing that strangers fill lives as long as the process: no module has an empty Map, Set or list of its own", () => {
  // Data directories that this process has locked; our own modules; machines by fork; a list that stays empty.
  const bounded = [
    join("host", "node", "lock.ts"),
    join("host", "node", "threads.ts"),
    join("core", "vm", "precompiles.ts"),
    join("core", "vm", "frames.ts"),
  ];
  const own =
    /^(?:export )?(?:const|let|var) \w+(?:: (?![Rr]eadonly)[^=\n]+)? = (?:new (?:Map|Set|ByteMap|ByteSet|Array)(?:<[^\n]*>)?\(\)|\[\]);/m;
  expect(new Set(filesWith(own))).toEqual(new Set(bounded));
});

test("JS-06 no memory that was not cleared can leave", () => {
  expect(filesWith(/allocUnsafe|new SlowBuffer/)).toEqual([]);
});
