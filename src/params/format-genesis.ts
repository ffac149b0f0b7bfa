import { toHex } from "#util";
import { type ChainConfig, FORKS } from "./config.ts";
import type { Genesis } from "./genesis.ts";

const quantity = (value: bigint | number) => `0x${value.toString(16)}`;

/** geth's names; what is absent stays out. */
export function formatChainConfig(config: ChainConfig): Record<string, unknown> {
  const json: Record<string, unknown> = { chainId: Number(config.chainId) };
  for (const { at } of FORKS) if (config[at] !== undefined) json[at] = config[at];
  if (config.daoForkSupport === true) json["daoForkSupport"] = true;
  if (config.terminalTotalDifficulty !== undefined) {
    json["terminalTotalDifficulty"] = Number(config.terminalTotalDifficulty);
    json["terminalTotalDifficultyPassed"] = true;
  }
  if (config.depositContractAddress !== undefined)
    json["depositContractAddress"] = toHex(config.depositContractAddress);
  if (config.blobSchedule !== undefined)
    json["blobSchedule"] = Object.fromEntries(
      Object.entries(config.blobSchedule).map(([fork, row]) => [
        fork,
        { target: row.target, max: row.max, baseFeeUpdateFraction: Number(row.baseFeeUpdateFraction) },
      ]),
    );
  if (config.clique !== undefined)
    json["clique"] = { period: config.clique.period, epoch: config.clique.epoch };
  if (config.ethash !== undefined) json["ethash"] = {};
  return json;
}

/** The inverse of parseGenesis: a value for JSON.stringify that geth's `init` takes. */
export function formatGenesis(genesis: Genesis): Record<string, unknown> {
  const json: Record<string, unknown> = {
    config: formatChainConfig(genesis.config),
    nonce: quantity(genesis.nonce),
    timestamp: quantity(genesis.timestamp),
    extraData: toHex(genesis.extraData),
    gasLimit: quantity(genesis.gasLimit),
    difficulty: quantity(genesis.difficulty),
    mixHash: toHex(genesis.mixHash),
    coinbase: toHex(genesis.coinbase),
    alloc: Object.fromEntries(
      genesis.alloc.map((account) => {
        const row: Record<string, unknown> = { balance: quantity(account.balance) };
        if (account.nonce !== 0n) row["nonce"] = quantity(account.nonce);
        if (account.code.length > 0) row["code"] = toHex(account.code);
        if (account.storage.length > 0)
          row["storage"] = Object.fromEntries(
            account.storage.map(([slot, value]) => [
              toHex(slot),
              `0x${toHex(value).slice(2).padStart(64, "0")}`,
            ]),
          );
        return [toHex(account.address).slice(2), row];
      }),
    ),
    number: quantity(genesis.number),
    gasUsed: quantity(genesis.gasUsed),
    parentHash: toHex(genesis.parentHash),
  };
  if (genesis.baseFee !== undefined) json["baseFeePerGas"] = quantity(genesis.baseFee);
  if (genesis.excessBlobGas !== undefined) json["excessBlobGas"] = quantity(genesis.excessBlobGas);
  if (genesis.blobGasUsed !== undefined) json["blobGasUsed"] = quantity(genesis.blobGasUsed);
  return json;
}
