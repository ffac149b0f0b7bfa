// RP-12 on the built command line: calls that would never end, and a BLAKE2F of 50 million rounds that nothing in JavaScript can interrupt.
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { numberToBytes, toHex } from "#util";
import { assemble } from "../kit/contract.ts";
import { startProgram } from "../kit/program.ts";

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

test("RP-12 endless calls and giant precompiles are stopped after 5 s, and everybody else is answered before", {
  timeout: 60_000,
}, async () => {
  await using dev = startProgram([main, "dev", "--http.port", "0", "--port", "0", "--ipcdisable"]);
  const [, url = ""] = await dev.prints(/(http:\/\/127\.0\.0\.1:\d+)/);
  const ask = async (method: string, ...params: unknown[]): Promise<Answer> => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    return (await response.json()) as Answer;
  };
  const on = (code: Uint8Array) => [{ to: target }, "latest", { [target]: { code: toHex(code) } }] as const;

  // cheap ones run where they are asked for, and a dear one that ends gives what it gives in place
  const done: string[] = [];
  const note = async (name: string, asked: Promise<Answer>): Promise<Answer> => {
    const answer = await asked;
    done.push(name);
    return answer;
  };
  const bad = [
    note("bad", ask("eth_call", ...on(loop))),
    note("bad", ask("eth_call", ...on(modexps))),
    note("bad", ask("eth_estimateGas", ...on(loop))),
    note("bad", ask("eth_call", ...on(blake(49_000_000)))),
    note("bad", ask("eth_estimateGas", ...on(blake(28_000_000)))),
  ];
  const one = toHex(numberToBytes(1, 32));
  for (let i = 0; i < 20; i++) {
    expect((await note("good", ask("eth_chainId"))).result).toMatch(/^0x/);
    expect(await note("good", ask("eth_call", ...on(blake(12))))).toMatchObject({ result: one });
  }
  // a dear one that ends has a thread that the endless ones do not hold up
  expect(await note("good", ask("eth_call", ...on(blake(100_000))))).toMatchObject({ result: one });
  expect(done).not.toContain("bad");

  const answers = await Promise.all(bad);
  const timeout = { code: -32002, message: "execution aborted (timeout = 5s)" };
  expect(answers[3]?.error).toEqual(timeout);
  for (const { error } of answers) {
    // a loop may come to the end of its gas before the end of its time, on a fast machine
    expect([-32000, -32002]).toContain(error?.code);
    expect(error?.message).toMatch(
      /^(out of gas|execution aborted \(timeout = 5s\)|gas required exceeds.*)$/,
    );
  }
  expect((await ask("eth_call", ...on(blake(100_000)))).result).toBe(one); // a thread is made anew
  expect((await ask("eth_call", ...on(recursion))).result).toBe("0x");
  const { code, tookMs } = await dev.stop();
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(5_000);
});
