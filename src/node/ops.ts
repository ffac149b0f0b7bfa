import type { Host } from "#host";
import type { Logger } from "#log";
import type { Metrics } from "#metrics";
import type { Server } from "#p2p";
import { HttpEndpoint, type Pages } from "#rpc";
import type { ResolvedConfig } from "./config.ts";
import { collectGauges } from "./collected.ts";
import { collectProcess, firstOf, healthPages, metricsPages, profilePages } from "./ops-pages.ts";
import { CpuProfiler } from "./profiler.ts";
import type { Health, Vitals } from "./vitals.ts";

/** What operations are shown of a node. */
export interface OpsFace {
  /** undefined: nothing is counted. */
  readonly metrics: Metrics | undefined;
  server(): Server | undefined;
  vitals(): readonly Vitals[];
  health(): Health;
  /** False while a snapshot of the heap would hold an unlocked key. */
  mayShowHeap(): Promise<boolean>;
  readonly host: Pick<Host, "clock" | "entropy">;
  readonly log: Logger;
}

/** What one run of a node shows to operators: health on the RPC port, and on a port of its own metrics and profiles. */
export class Ops implements AsyncDisposable {
  readonly healthPages: Pages;
  #endpoint: HttpEndpoint | undefined;
  readonly #profiler = new CpuProfiler();
  readonly #collectors: Disposable[] = [];

  private constructor(face: OpsFace) {
    this.healthPages = healthPages(() => face.health());
    if (face.metrics === undefined) return;
    this.#collectors.push(
      collectProcess(face.metrics),
      collectGauges(face.metrics, {
        get server() {
          return face.server();
        },
        vitals: () => face.vitals(),
      }),
    );
  }

  /** @throws RPC_LISTEN_FAILED */
  static async open(face: OpsFace, config: ResolvedConfig["metrics"]): Promise<Ops> {
    const ops = new Ops(face);
    if (config.host === "" || face.metrics === undefined) return ops;
    try {
      await ops.#listen(face, face.metrics, config);
    } catch (error) {
      await ops[Symbol.asyncDispose]();
      throw error;
    }
    return ops;
  }

  /** `host:port`; "" = off. */
  get endpoint(): string {
    return this.#endpoint?.endpoint ?? "";
  }

  async #listen(
    face: OpsFace,
    metrics: Metrics,
    { host, port, profile }: ResolvedConfig["metrics"],
  ): Promise<void> {
    const { clock } = face.host;
    const pages = firstOf(
      this.healthPages,
      metricsPages(metrics),
      profile ? profilePages(this.#profiler, clock, () => face.mayShowHeap()) : () => undefined,
    );
    const http = { server: undefined, pages };
    this.#endpoint = await HttpEndpoint.open({ host, port, http, clock, log: face.log });
    face.log.info("metrics endpoint opened", { url: `http://${this.#endpoint.endpoint}/metrics`, profile });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const collector of this.#collectors) collector[Symbol.dispose]();
    this.#profiler[Symbol.dispose]();
    await this.#endpoint?.close();
  }
}
