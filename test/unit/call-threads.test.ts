// RP-12 on the built command line: calls that would never end, and a BLAKE2F of 50 million rounds that nothing in JavaScript can interrupt.
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { numberToBytes, toHex } from "#util";
import { assemble } from "../kit/contract.ts";
import { startProgram } from "../kit/program.ts";
import { until } from "../kit/until.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const target = `0x${"77".repeat(20)}`;

const push = (value: bigint | number) => `${value}`;
/** Calls a precompile with `words` as its input's beginning, and returns whether that worked. */
const callOf = (precompile: number, words: readonly (bigint | number)[], length: number) =>
  assemble(
    `${words.map((word, i) => `${push(word)} ${i * 32} MSTORE`).join(" ")}
     32 0 ${length} 0 0 ${precompile} GAS CALL 0 MSTORE 32 0 RETURN`,
  );
const blake = (rounds: number) => callOf(9, [BigInt(rounds) << 224n], 213);
const loop = assemble(":again @again JUMP");
/** 1,024 bits to the power of 2^14 bits, for ever. */
const modexps = assemble(
  `128 0 MSTORE 2048 32 MSTORE 128 64 MSTORE ${push((1n << 256n) - 1n)} 96 MSTORE ${push((1n << 256n) - 1n)} 224 MSTORE
   ${push((1n << 256n) - 3n)} 2272 MSTORE :again 32 0 2400 0 0 5 GAS CALL @again JUMP`.replaceAll("\n", " "),
);
const recursion = assemble(`1 65504 MSTORE 0 0 0 0 0 ${target} GAS CALL STOP`);

interface Answer {
  readonly result?: string;
  readonly error?: { readonly code: number; readonly message: string };
}

async function devNode(...flags: string[]) {
  const dev = startProgram([main, "dev", "--http.port", "0", "--port", "0", "--ipcdisable", ...flags]);
  const [, url = ""] = await dev.prints(/(http:\/\/127\.0\.0\.1:\d+)/);
  const ask = async (signal: AbortSignal | null, method: string, ...params: unknown[]): Promise<Answer> => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal,
    });
    return (await response.json()) as Answer;
  };
  return { dev, ask };
}

const on = (code: Uint8Array) => [{ to: target }, "latest", { [target]: { code: toHex(code) } }] as const;
const one = toHex(numberToBytes(1, 32));
const bad = [
  ["eth_call", loop],
  ["eth_call", modexps],
  ["eth_estimateGas", loop],
  ["eth_call", blake(49_000_000)],
  ["eth_estimateGas", blake(28_000_000)],
] as const;

test("RP-12 everybody else is answered while endless calls and giant precompiles run", {
  timeout: 120_000,
}, async () => {
  // how long anything takes is the machine's matter: five bad calls run all the time, and it counts how many of them had
  // their whole 5 s while others were answered. If those waited for them, it were as many.
  const { dev, ask } = await devNode();
  await using _ = dev;
  const leaving = new AbortController();
  let ended = 0;
  const running = bad.map(async ([method, code]) => {
    while (!leaving.signal.aborted) {
      await ask(leaving.signal, method, ...on(code)).catch((error: unknown) => error);
      if (!leaving.signal.aborted) ended++;
    }
  });
  let good = 0;
  const answered = async (asked: Promise<Answer>, result: unknown) => {
    expect(await asked).toMatchObject({ result });
    good++;
  };
  // cheap ones run where they are asked for
  for (let i = 0; i < 20; i++) {
    await answered(ask(null, "eth_chainId"), "0x539");
    await answered(ask(null, "eth_call", ...on(blake(12))), one);
  }
  expect(ended * 2).toBeLessThan(good);
  // a dear one that ends has a thread for short work. That has to be started first, and other short work takes turns with
  // it, so on a busy machine it may need more than its own 5 s: then it is asked again
  const dear = async () => (await ask(null, "eth_call", ...on(blake(100_000)))).result === one;
  await until("a dear call beside endless ones", dear);
  leaving.abort();
  await Promise.all(running);
  // threads were ended with those who left, and are made anew
  await until("a dear call after them", dear);
  expect((await dev.stop()).code).toBe(0);
});

test("RP-12 endless calls and giant precompiles are stopped when their time is over", {
  timeout: 120_000,
}, async () => {
  const { dev, ask } = await devNode();
  await using _ = dev;
  const answers = await Promise.all(bad.map(([method, code]) => ask(null, method, ...on(code))));
  const timeout = { code: -32002, message: "execution aborted (timeout = 5s)" };
  expect(answers[3]?.error).toEqual(timeout);
  for (const { error } of answers) {
    // a loop may come to the end of its gas before the end of its time, on a fast machine
    expect([-32000, -32002]).toContain(error?.code);
    expect(error?.message).toMatch(
      /^(out of gas|execution aborted \(timeout = 5s\)|gas required exceeds.*)$/,
    );
  }
  expect((await ask(null, "eth_call", ...on(recursion))).result).toBe("0x");
  const { code } = await dev.stop();
  expect(code).toBe(0);
});
