/** Asked now and then in long work: undefined goes on at once, else it is awaited. */
export type Pace = () => Promise<void> | undefined;

/** Runs steps to their end, with `pace` asked between them. */
export async function paced<T>(steps: Generator<void, T, undefined>, pace: Pace): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    const wait = pace();
    if (wait !== undefined) await wait;
  }
}
