# Runs before the snippets of a page, in an empty folder: files that a reader has, and an installed command.
ln -s "$CHECKOUT/examples" "$CHECKOUT/nodes.example.json" .
mkdir -p dist
for file in darwin-arm64.tar.gz darwin-x86_64.tar.gz linux-x86_64.tar.gz linux-aarch64.tar.gz windows-x86_64.zip; do
  echo "$PAGE $file" >"dist/cco-v$VERSION-$file"
done
echo 'PILLAR_MAPPING = {"192.0.2.32": {"name": "Vale", "pubkey": "XxgnxJfl/O5IyLIQmAo93FnqzVCKHSRXcTFbmpLq9xw="}}' >mapping.py

# On a terminal these commands ask, and the reader agrees.
capstan() {
  case "$1 ${2-}" in
    'deploy list' | 'deploy watch' | 'deploy retry' | 'deploy cancel') ;;
    'deploy '* | 'rollback '*) case " $* " in *' --yes '* | *' --plan'*) ;; *) set -- "$@" --yes ;; esac ;;
  esac
  command capstan "$@"
}
