import type { ChainConfig } from "./config.ts";

/** The place in a chain that decides which rules hold. A Header fits. */
export interface BlockPlace {
  readonly number: number;
  /** Unix seconds. */
  readonly time: number;
  /** 0 after the merge. Absent: taken as 0. */
  readonly difficulty?: bigint | undefined;
}

/** Name of the newest set of execution rules in force; ethereumjs' names. */
export type Fork =
  | "chainstart"
  | "homestead"
  | "dao"
  | "tangerineWhistle"
  | "spuriousDragon"
  | "byzantium"
  | "constantinople"
  | "petersburg"
  | "istanbul"
  | "muirGlacier"
  | "berlin"
  | "london"
  | "arrowGlacier"
  | "grayGlacier"
  | "paris"
  | "shanghai"
  | "cancun"
  | "prague"
  | "osaka"
  | "bpo1"
  | "bpo2"
  | "bpo3"
  | "bpo4"
  | "bpo5";

/** Which rules hold at a block (geth `params.Rules`). */
export interface Rules {
  readonly chainId: bigint;
  readonly fork: Fork;
  readonly isHomestead: boolean;
  readonly isEip150: boolean;
  readonly isEip155: boolean;
  readonly isEip158: boolean;
  readonly isByzantium: boolean;
  readonly isConstantinople: boolean;
  readonly isPetersburg: boolean;
  readonly isIstanbul: boolean;
  readonly isBerlin: boolean;
  readonly isLondon: boolean;
  readonly isMerge: boolean;
  readonly isShanghai: boolean;
  readonly isCancun: boolean;
  readonly isPrague: boolean;
  readonly isOsaka: boolean;
}

const since = (start: number | undefined, now: number): boolean => start !== undefined && start <= now;

/** True if the clique engine seals this chain. */
export function isClique(config: ChainConfig): boolean {
  return config.clique !== undefined;
}

/** Time forks only count from London on (geth `IsShanghai(num, time)`); pre-merge chains may set none. */
export function rulesAt(config: ChainConfig, place: BlockPlace): Rules {
  const { number, time } = place;
  const isLondon = since(config.londonBlock, number);
  const isMerge = config.terminalTotalDifficulty !== undefined && (place.difficulty ?? 0n) === 0n && isLondon;
  const timed = (start: number | undefined) => isMerge && since(start, time);
  const isConstantinople = since(config.constantinopleBlock, number);
  return {
    chainId: config.chainId,
    fork: forkAt(config, place, isMerge),
    isHomestead: since(config.homesteadBlock, number),
    isEip150: since(config.eip150Block, number),
    isEip155: since(config.eip155Block, number),
    isEip158: since(config.eip158Block, number),
    isByzantium: since(config.byzantiumBlock, number),
    isConstantinople,
    isPetersburg:
      since(config.petersburgBlock, number) || (config.petersburgBlock === undefined && isConstantinople),
    isIstanbul: since(config.istanbulBlock, number),
    isBerlin: since(config.berlinBlock, number),
    isLondon,
    isMerge,
    isShanghai: timed(config.shanghaiTime),
    isCancun: timed(config.cancunTime),
    isPrague: timed(config.pragueTime),
    isOsaka: timed(config.osakaTime),
  };
}

function forkAt(config: ChainConfig, { number, time }: BlockPlace, isMerge: boolean): Fork {
  if (isMerge) {
    const timed: readonly [Fork, number | undefined][] = [
      ["bpo5", config.bpo5Time],
      ["bpo4", config.bpo4Time],
      ["bpo3", config.bpo3Time],
      ["bpo2", config.bpo2Time],
      ["bpo1", config.bpo1Time],
      ["osaka", config.osakaTime],
      ["prague", config.pragueTime],
      ["cancun", config.cancunTime],
      ["shanghai", config.shanghaiTime],
    ];
    for (const [name, start] of timed) if (since(start, time)) return name;
    return "paris";
  }
  // as geth: an absent petersburg comes with constantinople (params/config.go IsPetersburg)
  const petersburg = config.petersburgBlock ?? config.constantinopleBlock;
  const numbered: readonly [Fork, number | undefined][] = [
    ["grayGlacier", config.grayGlacierBlock],
    ["arrowGlacier", config.arrowGlacierBlock],
    ["london", config.londonBlock],
    ["berlin", config.berlinBlock],
    ["muirGlacier", config.muirGlacierBlock],
    ["istanbul", config.istanbulBlock],
    ["petersburg", petersburg],
    ["constantinople", config.constantinopleBlock],
    ["byzantium", config.byzantiumBlock],
    ["spuriousDragon", config.eip158Block],
    ["tangerineWhistle", config.eip150Block],
    ["homestead", config.homesteadBlock],
  ];
  for (const [name, start] of numbered) if (since(start, number)) return name;
  return "chainstart";
}
