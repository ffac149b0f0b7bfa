/** A value that may have to be waited for. Who has it at once gives it as it is: a promise costs its maker and every waiter a turn. */
export type MaybePromise<T> = T | Promise<T>;

/** `next` of the value, now if it is there, else when it is. */
export function andThen<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
