/** eth_config: rules of the present fork and of those that are set (EIP-7910), for chains after the merge. */
import { forkIdAt } from "#core/forkid";
import { type BlobSchedule, blobScheduleAt, type ChainConfig, FORKS, rulesAt } from "#params";
import { json, method, type Method } from "#rpc";
import { toHex } from "#util";
import { type Json, quantityHex } from "./format.ts";
import type { Parts } from "./parts.ts";

/** geth's names of precompiles; each with the fork that brought it, those of before the merge always. */
const PRECOMPILES = [
  ["ECREC", 0x01],
  ["SHA256", 0x02],
  ["RIPEMD160", 0x03],
  ["ID", 0x04],
  ["MODEXP", 0x05],
  ["BN254_ADD", 0x06],
  ["BN254_MUL", 0x07],
  ["BN254_PAIRING", 0x08],
  ["BLAKE2F", 0x09],
  ["KZG_POINT_EVALUATION", 0x0a, "isCancun"],
  ["BLS12_G1ADD", 0x0b, "isPrague"],
  ["BLS12_G1MSM", 0x0c, "isPrague"],
  ["BLS12_G2ADD", 0x0d, "isPrague"],
  ["BLS12_G2MSM", 0x0e, "isPrague"],
  ["BLS12_PAIRING_CHECK", 0x0f, "isPrague"],
  ["BLS12_MAP_FP_TO_G1", 0x10, "isPrague"],
  ["BLS12_MAP_FP2_TO_G2", 0x11, "isPrague"],
  ["P256VERIFY", 0x100, "isOsaka"],
] as const;

/** Contracts of the protocol: EIP-4788, 2935, 7002, 7251. */
const SYSTEM_CONTRACTS = [
  ["BEACON_ROOTS_ADDRESS", "0x000f3df6d732807ef1319fb7b8bb8522d0beac02", "isCancun"],
  ["HISTORY_STORAGE_ADDRESS", "0x0000f90827f1c53a10cb7a02335b175320002935", "isPrague"],
  ["WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS", "0x00000961ef480eb55e80d19ad83579a64c007002", "isPrague"],
  ["CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS", "0x0000bbddc7ce488642fb579f8b00f3a590007251", "isPrague"],
] as const;
const ZERO_ADDRESS = `0x${"00".repeat(20)}`;

/** Times at which forks start, ascending, each once. */
const forkTimes = (config: ChainConfig): number[] => {
  const times = FORKS.flatMap((fork) => (fork.by === "time" ? (config[fork.at] ?? []) : []));
  return [...new Set(times)].sort((a, b) => a - b);
};

const formatSchedule = (schedule: BlobSchedule | undefined): Json =>
  schedule === undefined
    ? null
    : {
        target: schedule.target,
        max: schedule.max,
        baseFeeUpdateFraction: Number(schedule.baseFeeUpdateFraction),
      };

export function configMethods({ backend }: Parts): Record<string, Method> {
  return {
    config: method({
      doc: "Rules of the present fork, of the next and of the last one that is set (EIP-7910).",
      params: [],
      result: json,
      isConcurrent: true,
      handle: async (_, ctx) => {
        const { chainConfig: config } = backend;
        const genesis = await backend.headerByNumber(0, ctx);
        if (genesis === undefined) throw new TypeError("a chain has a genesis");
        const number = Number.MAX_SAFE_INTEGER;
        const assemble = (time: number | undefined): Json => {
          if (time === undefined) return null;
          const place = { number, time, difficulty: 0n };
          const rules = rulesAt(config, place);
          const deposits = config.depositContractAddress;
          const chain = { config, genesisHash: genesis.hash, genesisTime: genesis.time };
          return {
            activationTime: genesis.time >= time ? 0 : time,
            blobSchedule: formatSchedule(blobScheduleAt(config, place)),
            chainId: quantityHex(config.chainId),
            forkId: toHex(forkIdAt(chain, { number, time }).hash),
            precompiles: Object.fromEntries(
              PRECOMPILES.filter(([, , since]) => since === undefined || rules[since]).map(([name, at]) => [
                name,
                `0x${at.toString(16).padStart(40, "0")}`,
              ]),
            ),
            systemContracts: {
              ...Object.fromEntries(
                SYSTEM_CONTRACTS.filter(([, , since]) => rules[since]).map(([name, at]) => [name, at]),
              ),
              ...(rules.isPrague
                ? { DEPOSIT_CONTRACT_ADDRESS: deposits === undefined ? ZERO_ADDRESS : toHex(deposits) }
                : {}),
            },
          };
        };
        const times = forkTimes(config);
        const now = backend.head().time;
        const next = times.find((time) => time > now);
        return {
          current: assemble(times.filter((time) => time <= now).at(-1)),
          next: assemble(next),
          last: next === undefined ? null : assemble(times.at(-1)),
        };
      },
    }),
  };
}
