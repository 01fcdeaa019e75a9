import { ApiFault } from '../../api/faults.js';

/** A value in a query: times are bigints of nanoseconds. */
export type SqlValue = string | number | bigint | boolean | null;

/** An expression of a query. */
export type Expression =
  | { kind: 'literal'; value: SqlValue }
  | { kind: 'column'; table: string | undefined; name: string }
  | { kind: 'aggregate'; name: string; argument: Expression | undefined; distinct: boolean }
  | { kind: 'not' | 'negate'; operand: Expression }
  | { kind: 'isNull'; operand: Expression; negated: boolean }
  | { kind: 'in'; operand: Expression; options: Expression[]; negated: boolean }
  | { kind: 'concat'; arguments: Expression[] }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression };

/** One item of SELECT. */
export interface SelectItem {
  expression: Expression;
  name: string;
}

/** A query of the subset. */
export interface Query {
  distinct: boolean;
  /** Empty: every column. */
  select: SelectItem[];
  from: { view: string; alias: string }[];
  /** All conditions, of JOIN … ON and WHERE, that have to hold. */
  conditions: Expression[];
  groupBy: Expression[];
  /** Conditions on groups, that have to hold. */
  having: Expression[];
  orderBy: { expression: Expression; descending: boolean; nullsFirst: boolean | undefined }[];
  limit: number | undefined;
  offset: number;
}

/** @throws ApiFault `ValidationException` */
export const badQuery = (message: string) =>
  new ApiFault('ValidationException', `The query cannot be run: ${message}`);
