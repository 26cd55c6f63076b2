#!/bin/sh
# A tour of the API with curl. Start openwx (for example openwx serve --demo), then: sh examples/curl_tour.sh [URL]
#
# Chinese text in a URL must be percent-encoded; --data-urlencode does this.
set -eu

url=${1:-http://127.0.0.1:3000}/openwx

call() {
    name=$1
    shift
    echo "== $name"
    curl --silent --show-error --max-time 60 "$@" "$url/$name"
    echo
}

# The user and the state of the account.
call get_user_info
call get_client_info

# Friends and groups. -G sends the parameters in the query.
call search_friend -G --data-urlencode 'displayname=小灰'
call get_group_basic_info

# Send a text with parameters in a query, a form and JSON.
call send_friend_message -G --data-urlencode 'displayname=小灰' --data-urlencode 'content=hello from a query'
call send_friend_message --data-urlencode 'displayname=小灰' --data-urlencode 'content=表单里的消息'
call send_friend_message -H 'Content-Type: application/json' -d '{"displayname":"小灰","content":"JSON 里的消息"}'

# Send a picture as a file part or by its path. Use the media_id of the answer to send it again.
picture=$(mktemp "${TMPDIR:-/tmp}/tour.XXXXXX")
trap 'rm -f "$picture"' EXIT
printf '%s' 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==' |
    base64 -d >"$picture"
call send_friend_message -F 'displayname=小灰' -F "media=@$picture;filename=dot.png"
call upload_media --data-urlencode "media_path=$picture"

# Send without waiting: openwx answers at once, and check_event (or post_api) reports the result.
call send_friend_message --data-urlencode 'displayname=小灰' --data-urlencode 'content=later' -d 'async=1'
call check_event -G -d 'timeout=10'

# An answer that is a picture.
echo '== get_avatar'
curl --silent --show-error --max-time 60 -G --data-urlencode 'displayname=小灰' --output "$picture" \
    --write-out '%{content_type}, %{size_download} bytes\n' "$url/get_avatar"

# An error has a code and a text: here no friend is named.
call send_friend_message -d 'content=nobody gets this'
