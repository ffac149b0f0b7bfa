import { MemoryBudget, PrecompileThreads } from "#core/vm";
import type { AccountManager } from "#accounts";
import { GasPriceOracle } from "#eth/gasprice";
import type { Host } from "#host";
import { type Logger, silentLogger } from "#log";
import { type Api, api } from "#rpc";
import type { Backend } from "./backend.ts";
import { accountMethods } from "./account-methods.ts";
import { blockMethods } from "./block-methods.ts";
import { callMethods } from "./call-methods.ts";
import { capabilityMethods } from "./capability-methods.ts";
import { chainFileMethods } from "./chain-file-methods.ts";
import { ChainView } from "./chain-view.ts";
import { cliqueMethods } from "./clique-methods.ts";
import { configMethods } from "./config-methods.ts";
import type { ChainControl, ChainFiles, NodeControls } from "./controls.ts";
import { databaseMethods, printMethods } from "./database-methods.ts";
import { chainDebugMethods, debugMethods } from "./debug-methods.ts";
import { feeMethods } from "./fee-methods.ts";
import { filterMethods } from "./filter-methods.ts";
import { FilterRegistry } from "./filters.ts";
import { defaultLimits, type EthApiLimits } from "./limits.ts";
import { LogSearch } from "./log-search.ts";
import { minerMethods } from "./miner-methods.ts";
import type { Parts } from "./parts.ts";
import { personalMethods } from "./personal-methods.ts";
import { Sending } from "./sending.ts";
import { receiptMethods, receiptSubscription } from "./receipt-methods.ts";
import { replayMethods, traceFileMethods } from "./replay-methods.ts";
import { simulateMethods } from "./simulate-methods.ts";
import { stateDumpMethods } from "./state-dump-methods.ts";
import { stateMethods } from "./state-methods.ts";
import { ethSubscriptions } from "./subscriptions.ts";
import { testingMethods } from "./testing-methods.ts";
import { traceChainSubscription } from "./trace-chain.ts";
import { traceMethods } from "./trace-methods.ts";
import { Tracing } from "./tracing.ts";
import { transactionMethods } from "./transaction-methods.ts";
import { ownTransactions, txpoolMethods } from "./txpool-methods.ts";
import { witnessMethods } from "./witness-methods.ts";
import { workApis } from "./work-methods.ts";

export interface EthApiOptions {
  /** Clock for filters and time limits; entropy for filter ids; threads for what calls must not do on the main loop. */
  readonly host: Pick<Host, "clock" | "entropy" | "threads">;
  readonly log?: Logger | undefined;
  /** Overrides single bounds of defaultLimits. */
  readonly limits?: Partial<EthApiLimits> | undefined;
  /** What this node can do beside answering; a light node nothing. */
  readonly controls?: NodeControls | undefined;
  /** Whom this node can sign for; absent: nobody. */
  readonly accounts?: AccountManager | undefined;
}

/** The tables of one backend, and what lives behind them. */
export interface EthApi extends AsyncDisposable {
  /** `eth`, `personal`, `debug`, `txpool`, and those of the controls: `clique`, `miner`, a part of `admin`. */
  readonly apis: readonly Api[];
  /** Filters installed now. */
  readonly filterCount: number;
  /** Ends every filter and its timer, and the threads of calls. Twice is fine; subscriptions end with their connections. */
  close(): Promise<void>;
}

/** The debug_ methods of a node that owns its chain. */
const ownDebugMethods = (
  chain: ChainControl,
  files: ChainFiles | undefined,
  parts: Parts,
  tracing: Tracing,
) => ({
  ...chainDebugMethods(chain, parts),
  ...stateDumpMethods(chain, parts),
  ...replayMethods(chain, parts, tracing),
  ...databaseMethods(chain),
  ...witnessMethods(chain, parts),
  ...(files === undefined ? {} : traceFileMethods(chain, files, parts, tracing)),
});

/** The namespaces beside eth_. Public: what changes nothing and costs little. */
function furtherApis(parts: Parts, controls: NodeControls): Api[] {
  const { clique, miner, chain, files, pool } = controls;
  const tracing = new Tracing(parts);
  const debug = { ...debugMethods(parts), ...traceMethods(parts, tracing), ...printMethods(parts) };
  const owned = chain === undefined ? {} : ownDebugMethods(chain, files, parts, tracing);
  const subscriptions = { traceChain: traceChainSubscription(parts, tracing) };
  const apis = [
    api({ namespace: "debug", isPublic: false, methods: { ...debug, ...owned }, subscriptions }),
    api({ namespace: "txpool", methods: txpoolMethods(pool ?? ownTransactions(parts.backend)) }),
  ];
  if (clique !== undefined)
    apis.push(api({ namespace: "clique", isPublic: false, methods: cliqueMethods(clique, parts) }));
  if (miner !== undefined)
    apis.push(api({ namespace: "miner", isPublic: false, methods: minerMethods(miner) }));
  if (controls.hasWork === true) apis.push(...workApis);
  if (chain !== undefined && parts.backend.chainConfig.terminalTotalDifficulty !== undefined)
    apis.push(api({ namespace: "testing", isPublic: false, methods: testingMethods(parts) }));
  if (files !== undefined)
    apis.push(api({ namespace: "admin", isPublic: false, methods: chainFileMethods(files) }));
  return apis;
}

/** Makes the eth_ table (and what lives behind it) for one backend. The service that fits the backend closes it in stop(). */
export function createEthApi(
  backend: Backend,
  { host, log = silentLogger, limits: some, controls = {}, accounts }: EthApiOptions,
): EthApi {
  const limits = { ...defaultLimits, ...some };
  const { clock, entropy, threads } = host;
  const precompiles = threads === undefined ? undefined : new PrecompileThreads({ threads, clock });
  const memory = new MemoryBudget(limits.callMemoryBytes, clock);
  const parts: Parts = {
    backend,
    view: new ChainView(backend, clock),
    logs: new LogSearch(backend, limits, clock),
    limits,
    bounds: { precompiles, memory },
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
  const calls = callMethods(parts);
  const sending = new Sending({ parts, oracle, estimateGas: calls["estimateGas"], accounts });
  const personal = api({ namespace: "personal", isPublic: false, methods: personalMethods(sending) });
  const eth = api({
    namespace: "eth",
    methods: {
      ...feeMethods(parts, oracle),
      ...blockMethods(parts),
      ...stateMethods(parts),
      ...calls,
      ...simulateMethods(parts),
      ...configMethods(parts),
      ...(controls.chain === undefined ? {} : capabilityMethods(controls.chain, parts)),
      ...transactionMethods(parts),
      ...receiptMethods(parts),
      ...accountMethods(sending, parts),
      ...filterMethods(parts, filters),
    },
    subscriptions: { ...ethSubscriptions(parts), transactionReceipts: receiptSubscription(parts) },
  });
  const close = async () => {
    filters.close();
    memory[Symbol.dispose]();
    await precompiles?.[Symbol.asyncDispose]();
  };
  return {
    apis: [eth, personal, ...furtherApis(parts, controls)],
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
