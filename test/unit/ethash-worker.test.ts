// The thread that checks seals, of the built package: the main loop is free meanwhile.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** ethereum/tests PoWTests/ethash_tests.json, "first". */
const first = {
  hash: "2a8de2adf89af77358250bf908bf04ba94a6e8c3ba87775564a41d269a05e4ce",
  nonce: "4242424242424242",
  mixDigest: "58f759ede17a706c93f13030328bcea40c1d1341fb26f2facd21ceb0dae57017",
  result: "dd47fd2d98db51078356852d7c4014e6a5d6c387c35f40e2875b74a256ed7906",
};

test("LC-06 seals are checked beside the main loop, whose process may end when it is idle", async () => {
  const script = `
    const { workerSealChecker } = await import("./dist/consensus/ethash/index.js");
    const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
    const first = ${JSON.stringify(first)};
    const seal = {
      number: 7, hash: bytes(first.hash), nonce: bytes(first.nonce), mixDigest: bytes(first.mixDigest),
      difficulty: (1n << 256n) / BigInt("0x" + first.result),
    };
    const checker = workerSealChecker();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const verdicts = await checker.check([seal, { ...seal, difficulty: seal.difficulty + 1n }, { ...seal, mixDigest: new Uint8Array(32) }]);
    clearInterval(timer);
    const again = await checker.check([seal]);
    const other = workerSealChecker();
    const closing = other.check([seal]);
    await other.close();
    const unanswered = (await closing).length;
    console.log(JSON.stringify({ verdicts: verdicts.map(String), again: again.map(String), isFree: ticks > 20, unanswered }));
    // the first is left open: it must not keep the process`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: root,
  });
  expect(JSON.parse(stdout)).toEqual({
    verdicts: ["undefined", "work", "mix-digest"],
    again: ["undefined"],
    isFree: true,
    unanswered: 0,
  });
});
