/**
 * What an object store in S3 asks of AWS: policies are generated from this list, and a test holds
 * it against the commands that the code sends. `ListBucket` also makes S3 answer a read of a
 * missing object with "not found" instead of "denied".
 */
export const S3_STORE_OPERATIONS = {
  read: ['s3:GetObject'],
  write: ['s3:PutObject'],
  delete: ['s3:DeleteObject'],
  list: ['s3:ListBucket'],
} as const;
