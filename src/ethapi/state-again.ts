import type { Header } from "#core/types";
import type { StateReader } from "#core/vm";
import type { Backend, CallContext } from "./backend.ts";

/** The state after a block for who runs blocks again: one that was pruned is made anew where the node can. */
export async function stateAgain(backend: Backend, header: Header, ctx: CallContext): Promise<StateReader> {
  return backend.regeneratedState?.(header, ctx) ?? backend.state(header, ctx);
}
