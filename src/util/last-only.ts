/**
 * The function, remembering what it made of its last argument: many hear of the same thing one after the other. The argument and what is
 * made of it must not be changed.
 */
export function lastOnly<In, Out>(fn: (value: In) => Out): (value: In) => Out {
  let last: { readonly value: In; readonly made: Out } | undefined;
  return (value) => {
    if (last === undefined || !Object.is(last.value, value)) last = { value, made: fn(value) };
    return last.made;
  };
}
