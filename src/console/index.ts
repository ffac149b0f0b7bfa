/**
 * console: a read-eval-print loop on an RPC client, with completion and history (node:repl). It needs an object with
 * `request` and two streams, and knows nothing of nodes. What is typed runs in this process: attach only to what you trust
 * to be asked, but nothing that a server answers is ever run.
 */
export {
  type ConsoleClient,
  type ConsoleOptions,
  evaluate,
  runConsole,
  type ScriptOptions,
} from "./console.ts";
