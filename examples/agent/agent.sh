#!/bin/sh
# A coding agent, as small as one can be: asks a model for a change, tries it, and sends it to the forge as a patch.
set -eu
cp total.sh /tmp/before.sh
curl -sS --fail -H "Authorization: Bearer $MODEL_KEY" --data-binary @total.sh http://model.test/v1/complete > /tmp/after.sh
sh /tmp/after.sh 1 2 3 | grep -qx 6
cp /tmp/after.sh total.sh
diff -u /tmp/before.sh total.sh > /tmp/patch || true
curl -sS --fail -H "Authorization: Bearer $FORGE_TOKEN" --data-binary @/tmp/patch http://forge.test/shop/patches
echo "MODEL_KEY is $MODEL_KEY here, FORGE_TOKEN is $FORGE_TOKEN"
