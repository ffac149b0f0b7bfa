/** The service that geth's transcripts talk to (rpc/testservice_test.go@v1.17.5), and a few rows more for our own tests. */
import {
  type Api,
  api,
  type CallContext,
  json,
  list,
  method,
  none,
  number,
  object,
  optional,
  RpcError,
  subscription,
  text,
} from "#rpc";

export interface TestServiceOptions {
  /** Called by test_hang when its signal aborts. */
  readonly onAbort?: (reason: unknown) => void;
}

const echoArgs = object({ S: text });

function echo([string, int, args]: [string, number, { S: string } | undefined]) {
  return { String: string, Int: int, Args: args ?? null };
}

async function* count(n: number, start: number) {
  for (let i = 0; i < n; i++) yield start + i;
}

function hang(ctx: CallContext, onAbort: (reason: unknown) => void) {
  return new Promise((_, reject) => {
    ctx.signal.addEventListener("abort", () => {
      onAbort(ctx.signal.reason);
      reject(new RpcError(-32000, "gave up"));
    });
  });
}

/** Counts what was made visible to the tests. */
export class TestService {
  readonly order: string[] = [];
  /** What ends the reads that have begun and wait for others. */
  readonly reads: ((count: number) => void)[] = [];
  readonly apis: readonly Api[];
  openStreams = 0;
  /** Calls that wait for their signal. */
  hanging = 0;

  constructor({ onAbort = () => {} }: TestServiceOptions = {}) {
    // oxlint-disable-next-line typescript/no-this-alias -- the generators below are no arrow functions
    const service = this;
    this.apis = [
      api({
        namespace: "test",
        methods: {
          echo: method({ doc: "", params: [text, number, optional(echoArgs)], result: json, handle: echo }),
          echoWithCtx: method({
            doc: "",
            params: [text, number, optional(echoArgs)],
            result: json,
            handle: echo,
          }),
          noArgsRets: method({ doc: "", params: [], result: none, handle: () => {} }),
          repeat: method({
            doc: "",
            params: [text, number],
            result: text,
            handle: ([one, times]) => one.repeat(times),
          }),
          returnError: method({
            doc: "",
            params: [],
            result: none,
            handle() {
              throw new RpcError(444, "testError", "testError data");
            },
          }),
          panic: method({
            doc: "",
            params: [],
            result: none,
            handle() {
              throw new Error("a secret path /home/operator");
            },
          }),
          optional: method({
            doc: "",
            params: [optional(text)],
            result: json,
            handle: ([one]) => one ?? "absent",
          }),
          hang: method({
            doc: "",
            params: [],
            result: json,
            isConcurrent: true,
            handle: (_, ctx) => {
              service.hanging++;
              return hang(ctx, onAbort);
            },
          }),
          heavy: method({
            doc: "",
            params: [],
            result: json,
            isHeavy: true,
            handle: (_, ctx) => hang(ctx, onAbort),
          }),
          context: method({
            doc: "",
            params: [],
            result: json,
            handle: (_, { transport, remote, connection }) => ({
              transport,
              remote,
              origin: connection.origin,
              userAgent: connection.userAgent,
            }),
          }),
          /** Says what ran when: `[name, ticks]`. */
          slow: method({
            doc: "",
            params: [text, number],
            result: text,
            async handle([name, turns]) {
              service.order.push(`+${name}`);
              for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
              service.order.push(`-${name}`);
              return name;
            },
          }),
          /** Ends when as many reads have begun as are said: `[name, reads]`. Run one after the other, the first never ends. */
          read: method({
            doc: "",
            params: [text, number],
            result: text,
            isConcurrent: true,
            async handle([name, reads]) {
              service.order.push(`+${name}`);
              const others = await new Promise<number>((resolve) => {
                service.reads.push(resolve);
                if (service.reads.length === reads) for (const end of service.reads.splice(0)) end(reads);
              });
              service.order.push(`-${name}`);
              return `${name} of ${others}`;
            },
          }),
          list: method({
            doc: "",
            params: [list(text, { max: 3 })],
            result: json,
            handle: ([items]) => items.length,
          }),
          big: method({ doc: "", params: [], result: json, handle: () => ({ difficulty: 2n ** 80n }) }),
        },
      }),
      api({
        namespace: "private",
        isPublic: false,
        methods: { secret: method({ doc: "", params: [], result: text, handle: () => "secret" }) },
      }),
      api({
        namespace: "nftest",
        methods: { echo: method({ doc: "", params: [number], result: number, handle: ([one]) => one }) },
        subscriptions: {
          someSubscription: subscription({
            doc: "",
            params: [number, number],
            item: number,
            open: ([n, start]) => count(n, start),
          }),
          /** Big items for ever. */
          flood: subscription({
            doc: "",
            params: [number],
            item: text,
            async *open([size], ctx) {
              service.openStreams++;
              try {
                while (!ctx.signal.aborted) {
                  yield "x".repeat(size);
                  await new Promise((resolve) => setImmediate(resolve));
                }
              } finally {
                service.openStreams--;
              }
            },
          }),
          /** Nothing, until told to stop. */
          silent: subscription({
            doc: "",
            params: [],
            item: text,
            async *open(_, ctx) {
              service.openStreams++;
              try {
                await new Promise<void>((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
              } finally {
                service.openStreams--;
              }
              yield* [];
            },
          }),
          failing: subscription({
            doc: "",
            params: [],
            item: number,
            async *open() {
              yield 1;
              throw new Error("the source broke");
            },
          }),
        },
      }),
    ];
  }
}
