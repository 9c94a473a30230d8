/** A host that units are made for. */
export interface Host {
  readonly name: string;
  /** What fails together; null where nobody said. */
  readonly zone: string | null;
  readonly roles: readonly string[];
  /** What HAProxy reaches it at; null where `announce` finds it by itself. */
  readonly address: string | null;
}
