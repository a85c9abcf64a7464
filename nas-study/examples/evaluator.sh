#!/bin/sh
# An evaluator of your own for `nas search --evaluator`, for a POSIX shell with sed and awk.
#
#     nas search random --space nb201 --evaluator 'sh nas-study/examples/evaluator.sh' --trials 10
#
# The loop below is the whole protocol (see EVALUATORS.md beside this folder). Put your training in the place of `evaluate`: call
# your program, and print the validation accuracy that it reports.

# Prints the validation accuracy, from 0 to 1, of the architecture $1 after $2 epochs, with the seed $3. $4 is the number of
# decisions of the space.
#
# REPLACE THIS. It trains nothing: it gives the share of decisions that are a convolution, so that there is something to find.
evaluate() {
    printf '%s\n' "$1" | awk -v decisions="$4" '{ share = gsub(/conv/, "") / decisions; print (share > 1 ? 1 : share) }'
}

# One line that says what decides an evaluation besides the trial: equal descriptions, comparable accuracies.
description='share of convolutions'

# The first message is "hello".
read -r hello || exit 0
case $hello in
*'"protocol":1,'*) ;;
*)
    printf '{"type": "refused", "message": "this speaks version 1 of the protocol"}\n'
    exit 0
    ;;
esac
printf '{"type": "ready", "protocol": 1, "description": "%s"}\n' "$description"

# The value of a field, as a regular expression describes it, in the message.
field() {
    printf '%s\n' "$message" | sed -E "s/.*\"$1\":$2.*/\\1/"
}

# Then one message is one trial, until standard input ends.
while read -r message; do
    # What a trial continues has a number of epochs, too.
    message=${message%%,\"continues\":*}
    arch=$(field arch '"(([^"\\]|\\.)*)"')
    choices=$(field choices '\[([0-9,]*)\]')
    decisions=$(printf '%s\n' "$choices" | awk -F, '{ print NF }')
    accuracy=$(evaluate "$arch" "$(field epochs '([0-9]+)')" "$(field seed '([0-9]+)')" "$decisions")
    printf '{"type": "evaluation", "id": %s, "valid_accuracy": %s}\n' "$(field id '([0-9]+)')" "$accuracy"
done
