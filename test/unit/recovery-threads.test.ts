// The threads that recover signers, of the built package: right answers, a free main loop, a process that may end.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

async function run(script: string, flags: readonly string[] = []): Promise<unknown> {
  const args = [...flags, "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
}

test("addresses come beside the main loop, in order; nobody's signature is undefined; too many are left to the caller", async () => {
  const script = `
    const { generateKey, publicKeyOf, addressOf, keccak256, sign, recoverAddresses } = await import("./dist/crypto/index.js");
    const signed = [], want = [];
    for (let i = 0; i < 1000; i++) {
      const key = generateKey(), hash = keccak256(Uint8Array.of(i & 255, i >> 8));
      signed.push({ hash, signature: sign(hash, key).bytes });
      want.push(Buffer.from(addressOf(publicKeyOf(key))).toString("hex"));
    }
    signed[500] = { ...signed[500], signature: new Uint8Array(65) };
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const got = await recoverAddresses(signed);
    clearInterval(timer);
    const hex = got.map((it) => it && Buffer.from(it).toString("hex"));
    const wrong = want.flatMap((it, i) => (hex[i] === it ? [] : [i]));
    const most = await recoverAddresses(Array(20000).fill(signed[0]));
    const none = await recoverAddresses([]);
    console.log(JSON.stringify({ wrong, isFree: ticks > 5, nobody: hex[500] === undefined, most: most.length, none: none.length }));
    // the threads are left as they are: they must not keep the process`;
  expect(await run(script)).toEqual({ wrong: [500], isFree: true, nobody: true, most: 0, none: 0 });
});

test("senders that were recovered ahead are those that senderOf finds; a bad signature stays its to refuse", async () => {
  const script = `
    const { recoverSenders, senderOf, signTransaction } = await import("./dist/core/types/index.js");
    const { generateKey, publicKeyOf, addressOf } = await import("./dist/crypto/index.js");
    const key = generateKey(), own = Buffer.from(addressOf(publicKeyOf(key))).toString("hex");
    const fields = { chainId: 1n, gas: 21000n, to: new Uint8Array(20), value: 1n, input: new Uint8Array() };
    const txs = Array.from({ length: 100 }, (_, i) => signTransaction(
      i % 2 === 0
        ? { ...fields, type: 0, nonce: BigInt(i), gasPrice: 1n }
        : { ...fields, type: 2, nonce: BigInt(i), maxFeePerGas: 1n, maxPriorityFeePerGas: 1n, accessList: [] }, key));
    const bad = { ...txs[0], r: 0n };
    await recoverSenders([...txs, bad]);
    for (const tx of txs) tx.r = 0n; // nobody looks at the signature again
    const senders = new Set(txs.map((tx) => Buffer.from(senderOf(tx)).toString("hex")));
    let code;
    try { senderOf(bad); } catch (error) { code = error.code; }
    console.log(JSON.stringify({ right: senders.size === 1 && senders.has(own), code }));`;
  expect(await run(script)).toEqual({
    right: true,

    code: "TYPES_BAD_SIGNATURE",
  });
});

test("F33 a thread that dies leaves the work to the caller, and the next question starts another", async () => {
  const script = `
    const { Worker } = await import("node:worker_threads");
    const real = Worker.prototype.postMessage;
    let kills = 1;
    Worker.prototype.postMessage = function (...args) {
      if (kills-- > 0) return void this.terminate();
      return real.apply(this, args);
    };
    const { generateKey, keccak256, sign, recoverAddresses } = await import("./dist/crypto/index.js");
    const hash = keccak256(new Uint8Array()), signed = [{ hash, signature: sign(hash, generateKey()).bytes }];
    const first = await recoverAddresses(signed);
    const second = await recoverAddresses(signed);
    console.log(JSON.stringify([first[0] === undefined, second[0]?.length]));`;
  expect(await run(script)).toEqual([true, 20]);
});

test("a process without leave to start threads computes for itself", async () => {
  const script = `
    const { recoverAddresses } = await import("./dist/crypto/index.js");
    const signed = Array(200).fill({ hash: new Uint8Array(32), signature: new Uint8Array(65) });
    console.log(JSON.stringify([await recoverAddresses(signed), await recoverAddresses(signed)]));`;
  const flag =
    Number(process.versions.node.split(".")[0]) < 24 ? "--experimental-permission" : "--permission";
  expect(await run(script, [flag, "--no-warnings", "--allow-fs-read=*", "--allow-addons"])).toEqual([[], []]);
});
