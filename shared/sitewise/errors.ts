import { messageOf, TwinError } from '../core/index.js';

/** The name of a fault as SiteWise or the network gave it, e.g. `ThrottlingException`. */
export function faultName(error: unknown): string {
  const e = error as { name?: string; code?: string };
  return e.code ?? e.name ?? 'Error';
}

const DENIED = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
  'ExpiredTokenException',
  'UnauthorizedException',
  'CredentialsProviderError',
]);
const THROTTLED = new Set([
  'ThrottlingException',
  'TooManyRequestsException',
  'LimitExceededException',
]);

/** An error of the SiteWise client in Twinloop's codes; a TwinError passes as it is. */
export function toTwinError(error: unknown, what: string): TwinError {
  if (error instanceof TwinError) return error;
  const name = faultName(error);
  const message = `${what}: ${name}: ${messageOf(error).replace(/\.$/, '')}`;
  const options = { cause: error };
  if (name === 'AbortError') return new TwinError('CANCELLED', message, options);
  if (name === 'ResourceNotFoundException') return new TwinError('NOT_FOUND', message, options);
  if (DENIED.has(name)) {
    return new TwinError('ACCESS_DENIED', `${message}. Check the credentials and policy.`, options);
  }
  if (THROTTLED.has(name)) {
    return new TwinError('THROTTLED', message, { ...options, retryable: true });
  }
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (name === 'ConflictingOperationException' || name === 'ResourceAlreadyExistsException') {
    return new TwinError('CONFLICT', message, { ...options, retryable: true });
  }
  if (status !== undefined && status >= 400 && status < 500) {
    return new TwinError('VALUE_INVALID', message, options);
  }
  return new TwinError('NETWORK', message, { ...options, retryable: true });
}
