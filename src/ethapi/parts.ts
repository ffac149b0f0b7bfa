import type { RunBounds } from "#core/vm";
import type { Clock, Entropy } from "#host";
import type { Logger } from "#log";
import type { Backend } from "./backend.ts";
import type { ChainView } from "./chain-view.ts";
import type { EthApiLimits } from "./limits.ts";
import type { LogSearch } from "./log-search.ts";

/** What every method table stands on. */
export interface Parts {
  readonly backend: Backend;
  readonly view: ChainView;
  readonly logs: LogSearch;
  readonly limits: EthApiLimits;
  /** What calls, traces and simulations share: threads for dear precompiles, memory. */
  readonly bounds: RunBounds;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
}
