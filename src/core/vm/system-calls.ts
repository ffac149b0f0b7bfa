import { Address } from "@ethereumjs/util";
import { sha256 } from "#crypto";
import type { Header, Receipt } from "#core/types";
import type { ChainConfig } from "#params";
import { bytesToBigint, concatBytes, equalBytes, fromHex } from "#util";
import { VmError } from "./errors.ts";
import type { MessageEnv } from "./message.ts";
import { NOBODY } from "./nobody.ts";

/** EIP-4788. */
const BEACON_ROOTS = fromHex("0x000f3df6d732807ef1319fb7b8bb8522d0beac02");
/** EIP-2935. */
const HISTORY = fromHex("0x0000f90827f1c53a10cb7a02335b175320002935");
/** EIP-7002. */
const WITHDRAWAL_QUEUE = fromHex("0x00000961ef480eb55e80d19ad83579a64c007002");
/** EIP-7251. */
const CONSOLIDATION_QUEUE = fromHex("0x0000bbddc7ce488642fb579f8b00f3a590007251");
const SYSTEM_GAS = 30_000_000n;

/** A call from nobody at a block's edge: no gas is paid, no nonce moves. Returns undefined where there is no code. */
async function systemCall(
  { machine, block }: MessageEnv,
  to: Uint8Array,
  data: Uint8Array,
): Promise<Uint8Array | undefined> {
  const { evm, state, journal } = machine;
  const target = new Address(to);
  if ((await state.getCode(target)).length === 0) return undefined;
  journal.cleanJournal();
  const { execResult } = await evm.runCall({
    block,
    caller: NOBODY,
    origin: NOBODY,
    to: target,
    data,
    gasLimit: SYSTEM_GAS,
    skipNonceIncrement: true,
  });
  await journal.cleanup();
  if (execResult.exceptionError !== undefined)
    throw VmError("BAD_BLOCK", { reason: `system call failed: ${execResult.exceptionError.error}` });
  return execResult.returnValue;
}

/** Beacon root (EIP-4788) and parent hash (EIP-2935). @see core/state_processor.go ProcessBeaconBlockRoot, ProcessParentBlockHash */
export async function beginBlock(env: MessageEnv, header: Header): Promise<void> {
  if (env.rules.isCancun && header.parentBeaconRoot !== undefined)
    await systemCall(env, BEACON_ROOTS, header.parentBeaconRoot);
  if (env.rules.isPrague) await systemCall(env, HISTORY, header.parentHash);
}

const DEPOSIT_TOPIC = fromHex("0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");
const DEPOSIT_LOG_SIZE = 576;
/** Place of each field's data in the log, and its length (EIP-6110). */
const DEPOSIT_FIELDS = [
  { at: 160, length: 48 },
  { at: 256, length: 32 },
  { at: 320, length: 8 },
  { at: 384, length: 96 },
  { at: 512, length: 8 },
] as const;

function depositOf(data: Uint8Array): Uint8Array {
  const isGood =
    data.length === DEPOSIT_LOG_SIZE &&
    DEPOSIT_FIELDS.every(
      ({ at, length }, i) =>
        bytesToBigint(data.subarray(32 * i, 32 * i + 32)) === BigInt(at) &&
        bytesToBigint(data.subarray(at, at + 32)) === BigInt(length),
    );
  if (!isGood) throw VmError("BAD_BLOCK", { reason: "deposit log of a wrong layout" });
  return concatBytes(...DEPOSIT_FIELDS.map(({ at, length }) => data.subarray(at + 32, at + 32 + length)));
}

/** Requests to the consensus layer (EIP-7685): type ‖ data, empty ones left out. */
export async function collectRequests(
  env: MessageEnv,
  config: ChainConfig,
  receipts: readonly Receipt[],
): Promise<Uint8Array[]> {
  const deposits: Uint8Array[] = [];
  const contract = config.depositContractAddress;
  for (const { logs } of contract === undefined ? [] : receipts)
    for (const log of logs)
      if (
        contract !== undefined &&
        equalBytes(log.address, contract) &&
        log.topics[0] !== undefined &&
        equalBytes(log.topics[0], DEPOSIT_TOPIC)
      )
        deposits.push(depositOf(log.data));
  const queue = async (address: Uint8Array) => {
    const made = await systemCall(env, address, new Uint8Array(0));
    if (made === undefined) throw VmError("BAD_BLOCK", { reason: "a system contract of Prague has no code" });
    return made;
  };
  const all = [concatBytes(...deposits), await queue(WITHDRAWAL_QUEUE), await queue(CONSOLIDATION_QUEUE)];
  return all.flatMap((request, type) =>
    request.length === 0 ? [] : [concatBytes(Uint8Array.of(type), request)],
  );
}

export function hashRequests(requests: readonly Uint8Array[]): Uint8Array {
  return sha256(concatBytes(...requests.map((request) => sha256(request))));
}
