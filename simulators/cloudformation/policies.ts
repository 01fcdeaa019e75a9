/** What a caller wants to do, to what. */
export interface AccessRequest {
  /** e.g. `s3:GetObject` */
  action: string;
  /** An ARN, or `*` for an operation that takes none. */
  resource: string;
  /** Condition keys and their values, e.g. `aws:ResourceTag/fleet`. */
  context?: Readonly<Record<string, string | undefined>>;
}

/** A statement of a policy, its functions carried out. */
export interface PolicyStatement {
  Effect: 'Allow' | 'Deny';
  Action?: string | string[];
  NotAction?: string | string[];
  Resource?: string | string[];
  NotResource?: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

const patterns = new Map<string, RegExp>();

/** Whether a text fits a pattern of IAM: `*` stands for any text, `?` for a character. */
function fits(pattern: string, text: string, anyCase = false): boolean {
  const key = `${anyCase ? 'i' : ''}:${pattern}`;
  let expression = patterns.get(key);
  if (expression === undefined) {
    const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    expression = new RegExp(
      `^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`,
      anyCase ? 'is' : 's',
    );
    patterns.set(key, expression);
  }
  return expression.test(text);
}

const listOf = (value: string | string[] | undefined) =>
  value === undefined ? [] : [value].flat();

/** How a condition's operator compares; an operator that is not here never holds. */
const OPERATORS: Readonly<Record<string, (wanted: string, found: string) => boolean>> = {
  StringEquals: (wanted, found) => wanted === found,
  StringEqualsIgnoreCase: (wanted, found) => wanted.toLowerCase() === found.toLowerCase(),
  StringLike: (wanted, found) => fits(wanted, found),
  ArnEquals: (wanted, found) => fits(wanted, found),
  ArnLike: (wanted, found) => fits(wanted, found),
  Bool: (wanted, found) => wanted.toLowerCase() === found.toLowerCase(),
};
const NEGATED: Readonly<Record<string, string>> = {
  StringNotEquals: 'StringEquals',
  StringNotLike: 'StringLike',
  ArnNotLike: 'ArnLike',
};

function holds(
  condition: PolicyStatement['Condition'],
  context: AccessRequest['context'],
): boolean {
  return Object.entries(condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => {
      const found = context?.[key];
      const negated = NEGATED[operator];
      if (negated !== undefined) {
        return found === undefined || !listOf(wanted).some((w) => OPERATORS[negated]?.(w, found));
      }
      return found !== undefined && listOf(wanted).some((w) => OPERATORS[operator]?.(w, found));
    }),
  );
}

function matches(statement: PolicyStatement, request: AccessRequest): boolean {
  const { action, resource } = request;
  const named =
    statement.NotAction === undefined
      ? listOf(statement.Action).some((a) => fits(a, action, true))
      : !listOf(statement.NotAction).some((a) => fits(a, action, true));
  const there =
    statement.NotResource === undefined
      ? listOf(statement.Resource).some((r) => fits(r, resource))
      : !listOf(statement.NotResource).some((r) => fits(r, resource));
  return named && there && holds(statement.Condition, request.context);
}

/**
 * Whether policies allow something: a denial wins, and what nobody allows is denied.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export function isAllowed(statements: readonly PolicyStatement[], request: AccessRequest): boolean {
  const fitting = statements.filter((s) => matches(s, request));
  return fitting.some((s) => s.Effect === 'Allow') && !fitting.some((s) => s.Effect === 'Deny');
}
