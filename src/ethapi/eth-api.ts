import type { Host } from "#host";
import type { Logger } from "#log";
import type { Api } from "#rpc";
import type { Backend } from "./backend.ts";
import type { EthApiLimits } from "./limits.ts";

export interface EthApiOptions {
  /** Clock for filters and call timeouts; rand-free ids come from entropy. */
  readonly host: Pick<Host, "clock" | "entropy">;
  readonly log?: Logger | undefined;
  /** Overrides single bounds of defaultLimits. */
  readonly limits?: Partial<EthApiLimits> | undefined;
}

/** The tables of one backend, and what lives behind them. */
export interface EthApi extends AsyncDisposable {
  readonly apis: readonly Api[];
  /** Ends every filter, timer and subscription. Twice is fine. */
  close(): Promise<void>;
}

/** Makes the eth_ table (and what lives behind it) for one backend. The service that fits the backend closes it in stop(). */
export function createEthApi(_backend: Backend, _options: EthApiOptions): EthApi {
  return { apis: [], close: async () => {}, [Symbol.asyncDispose]: async () => {} };
}

/** Just the tables, for a service whose life is the process. */
export function ethApi(backend: Backend, options: EthApiOptions): Api[] {
  return [...createEthApi(backend, options).apis];
}
