import { describe, expect, test } from "vitest";
import { SimulatedClock } from "#host/sim";
import { messagePipe } from "#p2p";
import { GlimError, isError } from "#util";
import { PaperChain, statusOn } from "../../../test/kit/eth-pipe.ts";
import { exchangeStatus, statusOf, termsOf } from "./handshake.ts";
import { type EthVersion, ethTable, ethVersions } from "./messages.ts";
import type { EthStatus } from "./status.ts";

const chain = new PaperChain(10);
const wrongHash = new Uint8Array(32).fill(9);
const wrongFork = { hash: new Uint8Array(4).fill(9), next: 0n };

/** Runs the exchange against a remote that sends these messages; gives its status or the error. */
async function exchange(version: EthVersion, messages: readonly { code: number; payload: Uint8Array }[]) {
  const clock = new SimulatedClock();
  const [ours, theirs] = messagePipe({ clock });
  for (const { code, payload } of messages) void theirs.writeMsg(code, payload);
  const terms = termsOf(chain, 1337n);
  const result = exchangeStatus({ rw: ours, clock, ours: statusOf(chain, version, 1337n), terms }).then(
    (status) => ({ status }),
    (error: unknown) => ({ error }),
  );
  await clock.advance(5_000);
  expect(clock.activeTimers).toBe(0);
  const outcome = await result;
  return { ...outcome, sent: ethTable(version).decode(await theirs.readMsg()) };
}

const withStatus = (version: EthVersion, changes: Partial<EthStatus>) => [
  ethTable(version).encode("status", statusOn(chain, version, changes)),
];

async function failure(version: EthVersion, messages: readonly { code: number; payload: Uint8Array }[]) {
  const outcome = await exchange(version, messages);
  const error = "error" in outcome ? outcome.error : undefined;
  if (!(error instanceof GlimError)) throw new Error(`no error of ours: ${String(error)}`);
  return [error.code, error.disconnect];
}

describe.each(ethVersions.map((version) => ({ version })))("T13 eth/$version", ({ version }) => {
  test("equal sides agree, and both have told the same", async () => {
    const { sent, ...outcome } = await exchange(version, withStatus(version, {}));
    expect(outcome).toMatchObject({ status: sent.body as object });
    expect(sent.body).toMatchObject({ version, networkId: 1337n, head: chain.head.hash });
    if (version < 69) expect(sent.body).toMatchObject({ td: 10n });
    else expect(sent.body).toMatchObject({ range: { earliest: 0, latest: 9 } });
  });

  test("each mismatch has its own error", async () => {
    const of = (changes: Partial<EthStatus>) => failure(version, withStatus(version, changes));
    expect(await of({ genesis: wrongHash })).toEqual(["ETHP_GENESIS_MISMATCH", 0x10]);
    expect(await of({ networkId: 1n })).toEqual(["ETHP_NETWORK_MISMATCH", 0x10]);
    expect(await of({ version: version - 1 })).toEqual(["ETHP_VERSION_MISMATCH", 0x10]);
    if (version >= 64) expect(await of({ forkId: wrongFork })).toEqual(["ETHP_FORK_ID_REJECTED", 0x10]);
    if (version < 69) {
      expect(await of({ td: 1n << 100n })).toEqual(["ETHP_BAD_DIFFICULTY", 0x10]);
      expect(await exchange(version, withStatus(version, { td: (1n << 100n) - 1n }))).toHaveProperty(
        "status",
      );
      return;
    }
    expect(await of({ range: { earliest: 5, latest: 4 } })).toEqual(["ETHP_BAD_RANGE", 0x02]);
    expect(await of({ head: new Uint8Array(32) })).toEqual(["ETHP_BAD_RANGE", 0x02]);
  });

  test("when all is wrong, geth's first check speaks", async () => {
    const all = { genesis: wrongHash, networkId: 1n, version: 1, forkId: wrongFork };
    const [first, second, third] =
      version < 64
        ? ["GENESIS_MISMATCH", "NETWORK_MISMATCH", "VERSION_MISMATCH"]
        : ["NETWORK_MISMATCH", "VERSION_MISMATCH", "GENESIS_MISMATCH"];
    const right = {
      GENESIS_MISMATCH: "genesis",
      NETWORK_MISMATCH: "networkId",
      VERSION_MISMATCH: "version",
    } as const;
    let changes: Partial<EthStatus> = all;
    for (const name of [first, second, third] as (keyof typeof right)[]) {
      expect((await failure(version, withStatus(version, changes)))[0]).toBe(`ETHP_${name}`);
      const { [right[name]]: _, ...rest } = changes;
      changes = rest;
    }
    if (version >= 64)
      expect((await failure(version, withStatus(version, changes)))[0]).toBe("ETHP_FORK_ID_REJECTED");
  });

  test("another message first, a status that cannot be read, none within 5 s", async () => {
    const [status] = withStatus(version, {});
    const payload = status?.payload ?? new Uint8Array();
    expect(await failure(version, [{ code: 1, payload: Uint8Array.of(0xc0) }])).toEqual([
      "ETHP_NO_STATUS",
      0x10,
    ]);
    expect(await failure(version, [{ code: 0, payload: payload.slice(0, -1) }])).toEqual([
      "RLP_TRUNCATED",
      0x02,
    ]);
    expect(await failure(version, [{ code: 0, payload: Uint8Array.of(0xc0) }])).toEqual(["RLP_FIELDS", 0x02]);
    const big = { code: 0, payload: new Uint8Array(10 * 1024 * 1024 + 1) };
    expect(await failure(version, [big])).toEqual(["P2P_MSG_TOO_BIG", 0x02]);
    expect(await failure(version, [])).toEqual(["ETHP_HANDSHAKE_TIMEOUT", 0x0b]);
  });
});

test("ET-04 a status of another chain ends the connection before anything else is read", async () => {
  const clock = new SimulatedClock();
  const [ours, theirs] = messagePipe({ clock });
  const [status] = withStatus(68, { genesis: wrongHash });
  if (status !== undefined) await theirs.writeMsg(status.code, status.payload);
  await theirs.writeMsg(1, Uint8Array.of(0xc0));
  const terms = termsOf(chain, 1337n);
  const error = await exchangeStatus({ rw: ours, clock, ours: statusOf(chain, 68, 1337n), terms }).catch(
    (e: unknown) => e,
  );
  expect(isError(error, "ETHP_GENESIS_MISMATCH")).toBe(true);
  expect((await ours.readMsg()).code).toBe(1);
});
