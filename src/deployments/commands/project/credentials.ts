/** Variables with which this machine signs in elsewhere, and Capstan's own keys. */
const credentials =
  /^(CLOUDFLARE|CF|CAPSTAN|AWS|AZURE|GOOGLE|GCLOUD|GITHUB|GH|GITLAB|CI|ACTIONS|RUNNER|DOCKER|KUBE|VAULT|SSH|GPG|R2|S3)_|^(SECRET_KEY|PREVIOUS_SECRET_KEY|ADMIN_PASSWORD|DATABASE_URL|DATABASE_DIRECT_URL|REDIS_URL|KUBECONFIG|PGPASSWORD)$/i

/**
 * True for a variable that a project's files must not obtain by naming it: the files may come from somebody else than the
 * person who runs the command.
 */
export const isCredential = (name: string): boolean => credentials.test(name)
