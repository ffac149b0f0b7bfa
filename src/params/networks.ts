import { fromHex } from "#util";
import type { BlobSchedule, ChainConfig } from "./config.ts";

const schedule = (target: number, max: number, baseFeeUpdateFraction: bigint): BlobSchedule => ({
  target,
  max,
  baseFeeUpdateFraction,
});

/** Blob parameters where a configuration names none (geth params.DefaultBlobSchedule). */
export const DEFAULT_BLOB_SCHEDULE: Readonly<Record<string, BlobSchedule>> = {
  cancun: schedule(3, 6, 3_338_477n),
  prague: schedule(6, 9, 5_007_716n),
  osaka: schedule(6, 9, 5_007_716n),
  bpo1: schedule(10, 15, 8_346_193n),
  bpo2: schedule(14, 21, 11_684_671n),
};

/** @see params/config.go MainnetChainConfig */
export const mainnetConfig: ChainConfig = {
  chainId: 1n,
  homesteadBlock: 1_150_000,
  daoForkBlock: 1_920_000,
  daoForkSupport: true,
  eip150Block: 2_463_000,
  eip155Block: 2_675_000,
  eip158Block: 2_675_000,
  byzantiumBlock: 4_370_000,
  constantinopleBlock: 7_280_000,
  petersburgBlock: 7_280_000,
  istanbulBlock: 9_069_000,
  muirGlacierBlock: 9_200_000,
  berlinBlock: 12_244_000,
  londonBlock: 12_965_000,
  arrowGlacierBlock: 13_773_000,
  grayGlacierBlock: 15_050_000,
  terminalTotalDifficulty: 58_750_000_000_000_000_000_000n,
  shanghaiTime: 1_681_338_455,
  cancunTime: 1_710_338_135,
  pragueTime: 1_746_612_311,
  osakaTime: 1_764_798_551,
  bpo1Time: 1_765_290_071,
  bpo2Time: 1_767_747_671,
  depositContractAddress: fromHex("0x00000000219ab540356cbb839cbe05303d7705fa"),
  blobSchedule: DEFAULT_BLOB_SCHEDULE,
  ethash: {},
};

/** @see params/config.go SepoliaChainConfig */
export const sepoliaConfig: ChainConfig = {
  chainId: 11_155_111n,
  homesteadBlock: 0,
  eip150Block: 0,
  eip155Block: 0,
  eip158Block: 0,
  byzantiumBlock: 0,
  constantinopleBlock: 0,
  petersburgBlock: 0,
  istanbulBlock: 0,
  muirGlacierBlock: 0,
  berlinBlock: 0,
  londonBlock: 0,
  mergeNetsplitBlock: 1_735_371,
  terminalTotalDifficulty: 17_000_000_000_000_000n,
  shanghaiTime: 1_677_557_088,
  cancunTime: 1_706_655_072,
  pragueTime: 1_741_159_776,
  osakaTime: 1_760_427_360,
  bpo1Time: 1_761_017_184,
  bpo2Time: 1_761_607_008,
  depositContractAddress: fromHex("0x7f02c3e3c98b133055b8b348b2ac625669ed295d"),
  blobSchedule: DEFAULT_BLOB_SCHEDULE,
  ethash: {},
};

/** @see params/config.go MainnetGenesisHash */
export const mainnetGenesisHash: Uint8Array = fromHex(
  "0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3",
);
/** @see params/config.go SepoliaGenesisHash */
export const sepoliaGenesisHash: Uint8Array = fromHex(
  "0x25a5cc106eea7138acab33231d7160d69cb777ee0c2c553fcddf5138993e6dd9",
);
