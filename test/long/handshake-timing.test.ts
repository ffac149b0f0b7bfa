// RX-04 what an auth that does not open tells by the time in which it is refused: nothing.
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { eciesEncrypt, generateKey, publicKeyOf, systemEntropy as entropy } from "#crypto";
import { concatBytes, fromHex } from "#util";
import { expect, test } from "vitest";
import { startProgram } from "../kit/program.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const victim = `
  const { RlpxConnection, shareHandshakes } = await import("${root}dist/p2p/rlpx/index.js");
  const { nodeHost } = await import("${root}dist/host/node/index.js");
  const { generateKey, publicKeyOf } = await import("${root}dist/crypto/index.js");
  const { clock, entropy, net, threads } = nodeHost();
  const key = generateKey();
  const handshakes = shareHandshakes({ threads, clock });
  const listener = await net.listenTcp({ host: "127.0.0.1", port: 0 }, (socket) => {
    new RlpxConnection(socket, { key, entropy, clock, maxBytes: 2048, handshakes }).established.catch(() => {});
  });
  console.log("listening " + listener.local.port + " " + Buffer.from(publicKeyOf(key)).toString("hex"));`;

const COUNT = 10_000;
const AT_ONCE = 8;
/** Of χ² with 3 degrees of freedom: above it in 1 of 100 cases where nothing differs. */
const CHI2_3_AT_1_PERCENT = 11.345;

/** An auth of the right size that opens to what is no auth (valid MAC), or does not open. */
function packet(to: Uint8Array, { isOnCurve, isMacRight }: { isOnCurve: boolean; isMacRight: boolean }) {
  const body = entropy.bytes(194);
  const size = body.length + 113;
  const prefix = Uint8Array.of(size >>> 8, size & 0xff);
  const sealed = eciesEncrypt(to, body, { macData: prefix, entropy });
  if (!isOnCurve) sealed.set(entropy.bytes(64), 1); // a random point is on the curve once in 2^256
  if (!isMacRight) sealed.set([(sealed.at(-1) ?? 0) ^ 1], sealed.length - 1);
  return concatBytes(prefix, sealed);
}

/** Sends a packet; ms until the connection is closed, and what came. */
function refuse(port: number, bytes: Uint8Array): Promise<{ ms: number; received: number }> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let began = 0;
    let received = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    socket.on("close", () => resolve({ ms: performance.now() - began, received }));
    socket.on("connect", () => {
      began = performance.now();
      socket.write(bytes);
    });
  });
}

/** Kruskal and Wallis: do the classes differ in their ranks? χ² with one degree of freedom less than classes. */
function kruskalWallis(classes: readonly (readonly number[])[]): number {
  const all = classes.flatMap((values, which) => values.map((value) => ({ value, which })));
  all.sort((a, b) => a.value - b.value);
  const sums = classes.map(() => 0);
  for (const [i, { which }] of all.entries()) sums[which] = (sums[which] ?? 0) + i + 1;
  const n = all.length;
  const spread = sums.reduce((sum, ranks, i) => sum + ranks ** 2 / (classes[i]?.length ?? 1), 0);
  return (12 / (n * (n + 1))) * spread - 3 * (n + 1);
}

test("attack/RX-04 ten thousand auths: valid and invalid curve and MAC cannot be told apart by time (p > 0.01), nor by a byte", async () => {
  await using program = startProgram(["--input-type=module", "--eval", victim]);
  const [, port = "", key = ""] = await program.prints(/listening (\d+) ([0-9a-f]{128})/);
  const to = fromHex(`0x${key}`);
  expect(to).not.toEqual(publicKeyOf(generateKey()));
  const kinds = [
    { isOnCurve: true, isMacRight: true },
    { isOnCurve: true, isMacRight: false },
    { isOnCurve: false, isMacRight: true },
    { isOnCurve: false, isMacRight: false },
  ];
  const times: number[][] = kinds.map(() => []);
  let sent = 0;
  let bytes = 0;
  const ask = async (): Promise<void> => {
    while (sent < COUNT) {
      const which = sent++ % kinds.length;
      const kind = kinds[which];
      if (kind === undefined) return;
      const { ms, received } = await refuse(Number(port), packet(to, kind));
      bytes += received;
      if (sent > 100) times[which]?.push(ms); // the thread is up, the code warm
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  expect(bytes).toBe(0);
  // that it would be seen: one class a fifth of a millisecond later than the others
  const shifted = times.map((values, i) => values.map((ms) => (i === 0 ? ms + 0.2 : ms)));
  expect(kruskalWallis(shifted)).toBeGreaterThan(CHI2_3_AT_1_PERCENT);
  expect(kruskalWallis(times)).toBeLessThan(CHI2_3_AT_1_PERCENT);
});
