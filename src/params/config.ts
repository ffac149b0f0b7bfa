import { ParamsError } from "./errors.ts";

/** Blob parameters of one fork (EIP-7840). */
export interface BlobSchedule {
  readonly target: number;
  readonly max: number;
  readonly baseFeeUpdateFraction: bigint;
}

/** Proof of authority (EIP-225). */
export interface CliqueConfig {
  /** Seconds between blocks; 0: a block as soon as there is a transaction. */
  readonly period: number;
  /** Blocks between votes' reset and the list of signers in the header. */
  readonly epoch: number;
}

/** When which rule starts: block numbers to the merge, unix seconds after it. Absent: never. geth's `params.ChainConfig`. */
export interface ChainConfig {
  readonly chainId: bigint;
  readonly homesteadBlock?: number | undefined;
  readonly daoForkBlock?: number | undefined;
  readonly daoForkSupport?: boolean | undefined;
  readonly eip150Block?: number | undefined;
  readonly eip155Block?: number | undefined;
  readonly eip158Block?: number | undefined;
  readonly byzantiumBlock?: number | undefined;
  readonly constantinopleBlock?: number | undefined;
  readonly petersburgBlock?: number | undefined;
  readonly istanbulBlock?: number | undefined;
  readonly muirGlacierBlock?: number | undefined;
  readonly berlinBlock?: number | undefined;
  readonly londonBlock?: number | undefined;
  readonly arrowGlacierBlock?: number | undefined;
  readonly grayGlacierBlock?: number | undefined;
  readonly mergeNetsplitBlock?: number | undefined;
  readonly shanghaiTime?: number | undefined;
  readonly cancunTime?: number | undefined;
  readonly pragueTime?: number | undefined;
  readonly osakaTime?: number | undefined;
  readonly bpo1Time?: number | undefined;
  readonly bpo2Time?: number | undefined;
  readonly bpo3Time?: number | undefined;
  readonly bpo4Time?: number | undefined;
  readonly bpo5Time?: number | undefined;
  readonly terminalTotalDifficulty?: bigint | undefined;
  /** 20 bytes; deposits of EIP-6110 come from its logs. */
  readonly depositContractAddress?: Uint8Array | undefined;
  /** By fork name (`cancun`, `prague`, `osaka`, `bpo1` …). */
  readonly blobSchedule?: Readonly<Record<string, BlobSchedule>> | undefined;
  readonly clique?: CliqueConfig | undefined;
  readonly ethash?: Readonly<Record<string, never>> | undefined;
}

/** Forks in the order in which they can start. `at` names the field of ChainConfig that says when. */
export const FORKS = [
  { name: "homestead", at: "homesteadBlock", by: "block" },
  { name: "dao", at: "daoForkBlock", by: "block", optional: true },
  { name: "tangerineWhistle", at: "eip150Block", by: "block" },
  { name: "eip155", at: "eip155Block", by: "block" },
  { name: "spuriousDragon", at: "eip158Block", by: "block" },
  { name: "byzantium", at: "byzantiumBlock", by: "block" },
  { name: "constantinople", at: "constantinopleBlock", by: "block" },
  { name: "petersburg", at: "petersburgBlock", by: "block" },
  { name: "istanbul", at: "istanbulBlock", by: "block" },
  { name: "muirGlacier", at: "muirGlacierBlock", by: "block", optional: true },
  { name: "berlin", at: "berlinBlock", by: "block" },
  { name: "london", at: "londonBlock", by: "block" },
  { name: "arrowGlacier", at: "arrowGlacierBlock", by: "block", optional: true },
  { name: "grayGlacier", at: "grayGlacierBlock", by: "block", optional: true },
  { name: "mergeNetsplit", at: "mergeNetsplitBlock", by: "block", optional: true },
  { name: "shanghai", at: "shanghaiTime", by: "time" },
  { name: "cancun", at: "cancunTime", by: "time", optional: true },
  { name: "prague", at: "pragueTime", by: "time", optional: true },
  { name: "osaka", at: "osakaTime", by: "time", optional: true },
  { name: "bpo1", at: "bpo1Time", by: "time", optional: true },
  { name: "bpo2", at: "bpo2Time", by: "time", optional: true },
  { name: "bpo3", at: "bpo3Time", by: "time", optional: true },
  { name: "bpo4", at: "bpo4Time", by: "time", optional: true },
  { name: "bpo5", at: "bpo5Time", by: "time", optional: true },
] as const satisfies readonly {
  name: string;
  at: keyof ChainConfig;
  by: "block" | "time";
  optional?: boolean;
}[];

/**
 * Refuses configurations whose forks do not start in order (geth `CheckConfigForkOrder`).
 * Forks may share a block or a time; an absent optional fork is skipped.
 * @throws PARAMS_FORK_ORDER
 */
export function checkForkOrder(config: ChainConfig): void {
  let last: (typeof FORKS)[number] | undefined;
  for (const fork of FORKS) {
    if (fork.name === "dao") continue;
    const at = config[fork.at];
    if (last !== undefined) {
      const before = config[last.at];
      const missing = before === undefined && at !== undefined;
      const late = last.by === fork.by && before !== undefined && at !== undefined && before > at;
      if (missing || late) throw ParamsError("FORK_ORDER", { earlier: last.at, later: fork.at });
    }
    // shanghai may come without the glaciers; a skipped optional fork does not count as missing
    if (!("optional" in fork) || at !== undefined) last = fork;
  }
}
