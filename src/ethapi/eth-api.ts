import { GasPriceOracle } from "#eth/gasprice";
import type { Host } from "#host";
import { type Logger, silentLogger } from "#log";
import { type Api, api } from "#rpc";
import type { Backend } from "./backend.ts";
import { blockMethods } from "./block-methods.ts";
import { callMethods } from "./call-methods.ts";
import { ChainView } from "./chain-view.ts";
import { feeMethods } from "./fee-methods.ts";
import { filterMethods } from "./filter-methods.ts";
import { FilterRegistry } from "./filters.ts";
import { defaultLimits, type EthApiLimits } from "./limits.ts";
import { LogSearch } from "./log-search.ts";
import type { Parts } from "./parts.ts";
import { stateMethods } from "./state-methods.ts";
import { ethSubscriptions } from "./subscriptions.ts";
import { transactionMethods } from "./transaction-methods.ts";

export interface EthApiOptions {
  /** Clock for filters and time limits; entropy for filter ids. */
  readonly host: Pick<Host, "clock" | "entropy">;
  readonly log?: Logger | undefined;
  /** Overrides single bounds of defaultLimits. */
  readonly limits?: Partial<EthApiLimits> | undefined;
}

/** The tables of one backend, and what lives behind them. */
export interface EthApi extends AsyncDisposable {
  /** The `eth` namespace. */
  readonly apis: readonly Api[];
  /** Filters installed now. */
  readonly filterCount: number;
  /** Ends every filter and its timer. Twice is fine; subscriptions end with their connections. */
  close(): Promise<void>;
}

/** Makes the eth_ table (and what lives behind it) for one backend. The service that fits the backend closes it in stop(). */
export function createEthApi(
  backend: Backend,
  { host, log = silentLogger, limits: some }: EthApiOptions,
): EthApi {
  const limits = { ...defaultLimits, ...some };
  const { clock, entropy } = host;
  const parts: Parts = {
    backend,
    view: new ChainView(backend, clock),
    logs: new LogSearch(backend, limits, clock),
    limits,
    clock,
    entropy,
    log,
  };
  const filters = new FilterRegistry(parts);
  const oracle = new GasPriceOracle(backend, {
    maxHeaderHistory: limits.feeHistoryBlocks,
    maxPercentiles: limits.feeHistoryPercentiles,
    ...(backend.minGasPrice === undefined ? {} : { defaultPrice: backend.minGasPrice }),
  });
  const eth = api({
    namespace: "eth",
    methods: {
      ...feeMethods(parts, oracle),
      ...blockMethods(parts),
      ...stateMethods(parts),
      ...callMethods(parts),
      ...transactionMethods(parts),
      ...filterMethods(parts, filters),
    },
    subscriptions: ethSubscriptions(parts),
  });
  const close = async () => filters.close();
  return {
    apis: [eth],
    get filterCount() {
      return filters.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Just the tables, for a service whose life is the process. */
export function ethApi(backend: Backend, options: EthApiOptions): Api[] {
  return [...createEthApi(backend, options).apis];
}
