/** What a service says of itself, for health probes and gauges. */
export interface Vitals {
  /** Newest block that was checked. */
  readonly head: { readonly number: number; readonly ageSeconds: number };
  /** Where a sync stands; undefined if there is none under way. */
  readonly syncing: { readonly current: number; readonly highest: number } | undefined;
  /** False for a node that makes its own blocks: it is well without peers, and however old its head is. */
  readonly needsPeers: boolean;
  /** Further figures, each a gauge of the name: `pool_pending`. */
  readonly figures: Readonly<Record<string, number>>;
}

export interface Health {
  /** Running, and able to go on: an orchestrator restarts it if not. */
  readonly isLive: boolean;
  /** Fit to be asked: an orchestrator sends requests elsewhere if not. */
  readonly isReady: boolean;
  /** Why it is not ready, in words. */
  readonly reasons: readonly string[];
  readonly peers: number;
  readonly head: Vitals["head"] | undefined;
  readonly syncing: Vitals["syncing"];
}

/** Past this, a head is old: 5 minutes, 25 blocks of the main network. */
const OLD_HEAD_SECONDS = 300;

export interface HealthInput {
  readonly state: "running" | "stopping" | "stopped";
  readonly isFailing: boolean;
  readonly peers: number;
  readonly vitals: readonly Vitals[];
}

/** How a node is, from what its parts say. */
export function healthOf({ state, isFailing, peers, vitals }: HealthInput): Health {
  const [first] = vitals;
  const reasons: string[] = [];
  if (state !== "running") reasons.push(state === "stopping" ? "stopping" : "not running");
  if (isFailing) reasons.push("cannot write to its disk");
  if (peers === 0 && vitals.some(({ needsPeers }) => needsPeers)) reasons.push("no peers");
  for (const { syncing, head, needsPeers } of vitals) {
    if (syncing !== undefined) reasons.push(`syncing: block ${syncing.current} of ${syncing.highest}`);
    else if (needsPeers && head.ageSeconds > OLD_HEAD_SECONDS)
      reasons.push(`the head is ${head.ageSeconds} s old`);
  }
  return {
    isLive: state !== "stopped" && !isFailing,
    isReady: reasons.length === 0,
    reasons,
    peers,
    head: first?.head,
    syncing: first?.syncing,
  };
}
