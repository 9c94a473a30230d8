/** What is known of a value before it is there. `map` has texts for keys and holds anything; `never` is not used yet. */
export type GoType =
  | 'unknown'
  | 'never'
  | 'nil'
  | 'bool'
  | 'int'
  | 'float'
  | 'string'
  | 'pair'
  | 'map'
  | { readonly list: GoType };

/** What is known of a value that is either the one or the other. */
export function joinTypes(a: GoType, b: GoType): GoType {
  if (a === 'never' || b === 'never') {
    return a === 'never' ? b : a;
  }
  if (typeof a === 'object' && typeof b === 'object') {
    return { list: joinTypes(a.list, b.list) };
  }
  return a === b ? a : 'unknown';
}

/** Whether two are the same. */
export function sameType(a: GoType, b: GoType): boolean {
  return typeof a === 'object' && typeof b === 'object' ? sameType(a.list, b.list) : a === b;
}

/** Whether nunjucks takes the same values of this type for true as Go: not so lists, maps and floats. */
export function isTrueAlike(type: GoType): boolean {
  return type === 'bool' || type === 'string' || type === 'int';
}

/** Whether nunjucks prints it as Go does. */
export function printsAlike(type: GoType): boolean {
  return type === 'bool' || type === 'string' || type === 'int';
}
